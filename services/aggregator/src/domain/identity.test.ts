import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { identityKey, identityOf, identityText, parseIdentity } from './identity.ts';

describe('identity', () => {
  it('is stored in raw: its values never change', () => {
    expect(identityText(identityOf('default', '/import', 'event-1'))).toMatchInlineSnapshot(
      `"16719981652834491166"`,
    );
    expect(identityText(identityOf('acme', 'https://example.test/ä', '😀'))).toMatchInlineSnapshot(
      `"973188453700979882"`,
    );
  });

  it('reads back from its text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (organization, source, id) => {
        const identity = identityOf(organization, source, id);
        expect(parseIdentity(identityText(identity))).toEqual(identity);
      }),
    );
  });

  it('does not confuse where one text ends and the next begins', () => {
    expect(identityOf('a', 'bc', 'd')).not.toEqual(identityOf('ab', 'c', 'd'));
    expect(identityKey('a', 'b","c', 'd')).not.toBe(identityKey('a', 'b', 'c","d'));
  });

  it('spreads 100,000 sequential ids without a collision', () => {
    const seen = new Set<string>();
    for (let index = 0; index < 100_000; index += 1)
      seen.add(identityText(identityOf('acme', 'tests', `id-${index}`)));
    expect(seen.size).toBe(100_000);
  });
});

import { describe, expect, it } from '@jest/globals';
import { toDecodedEvent } from '@tidemark/contracts';
import { contentOf } from './content.ts';
import { NOON_MS, organization } from './testing.ts';

const EVENT = toDecodedEvent({
  organization: organization(),
  id: 'a',
  source: 'tests',
  type: 'test.happened',
  subject: 's',
  timeMs: NOON_MS,
  timeText: new Date(NOON_MS).toISOString(),
  extensions: { b: '2', a: '1' },
  data: { amount: 1 },
});

describe('the content of an event', () => {
  it('is a positive safe integer, and always the same', () => {
    expect(contentOf(EVENT)).toBe(2_458_501_834_627_667);
    expect(Number.isSafeInteger(contentOf(EVENT))).toBe(true);
  });

  it.each([
    ['type', { type: 'test.other' }],
    ['subject', { subject: null }],
    ['data', { dataText: '{"amount":2}' }],
    ['extensions', { extensions: { a: '1' } }],
  ])('differs when the %s differs', (_name, change) => {
    expect(contentOf({ ...EVENT, ...change })).not.toBe(contentOf(EVENT));
  });

  it('hangs neither on the order of extensions nor on the time', () => {
    expect(contentOf({ ...EVENT, extensions: { a: '1', b: '2' } })).toBe(contentOf(EVENT));
    const later = { ...EVENT, timeMs: NOON_MS + 1, timeText: new Date(NOON_MS + 1).toISOString() };
    expect(contentOf(later)).toBe(contentOf(EVENT));
  });
});

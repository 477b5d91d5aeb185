import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import {
  createRemoteKeySet,
  KEY_SET_BYTES_MAX,
  KEY_SET_COOL_DOWN_MS,
  KEY_SET_FRESH_MS,
  KEY_SET_KEYS_MAX,
  KEY_SET_STALE_MS,
  sortKeys,
  type Fetch,
} from './key-set.ts';
import { createTelemetry } from './telemetry.ts';
import { createTestKey } from './testing-tokens.ts';
import { createManualClock, createTestLog } from './testing.ts';

const OLD = createTestKey('P-256', 'old').jwk;
const NEW = createTestKey('P-256', 'new').jwk;
const URL = 'https://id.example/jwks';

const setOf = (...keys: readonly unknown[]) => new Response(JSON.stringify({ keys }));

function setUp(answer: () => Response | Promise<Response>) {
  const state = { answer, asked: [] as unknown[] };
  const fetch: Fetch = async (url, init) => {
    state.asked.push([url, init?.redirect]);
    return state.answer();
  };
  const clock = createManualClock(1_000_000);
  const telemetry = createTelemetry({ withProcessFigures: false });
  const { log, text } = createTestLog();
  const keySet = createRemoteKeySet({ name: 'id', url: URL, fetch, clock, log, telemetry });
  const find = async (kid: string) => await keySet({ alg: 'ES256', kid }, { payload: '', signature: '' });
  return { find, clock, state, telemetry, text };
}

const down = () => Promise.reject(new TypeError('fetch failed'));
const NO_KEY = { code: 'ERR_JWKS_NO_MATCHING_KEY' };

describe('createRemoteKeySet', () => {
  it('asks once for many simultaneous tokens, follows no redirect, and asks again when the set has aged', async () => {
    const { find, clock, state } = setUp(() => setOf(OLD));
    await Promise.all(Array.from({ length: 20 }, () => find('old')));
    expect(state.asked).toEqual([[URL, 'error']]);
    clock.advance(KEY_SET_FRESH_MS - 1);
    await find('old');
    expect(state.asked).toHaveLength(1);
    clock.advance(1);
    await find('old');
    expect(state.asked).toHaveLength(2);
  });

  it('asks for an unknown key id, but not before it has cooled down', async () => {
    const { find, clock, state } = setUp(() => setOf(OLD));
    await find('old');
    state.answer = () => setOf(OLD, NEW);
    for (let count = 0; count < 10; count += 1) await expect(find('new')).rejects.toMatchObject(NO_KEY);
    expect(state.asked).toHaveLength(1);
    clock.advance(KEY_SET_COOL_DOWN_MS);
    await expect(find('new')).resolves.toMatchObject({ type: 'public' });
    expect(state.asked).toHaveLength(2);
  });

  it('takes known keys through an outage, for a day, asking now and then, and no others', async () => {
    const { find, clock, state, telemetry, text } = setUp(() => setOf(OLD));
    await find('old');
    state.answer = down;
    clock.advance(KEY_SET_FRESH_MS);
    await expect(find('old')).resolves.toMatchObject({ type: 'public' });
    for (let count = 0; count < 10; count += 1) await expect(find('new')).rejects.toMatchObject(NO_KEY);
    expect(state.asked).toHaveLength(2);
    expect(await telemetry.text()).toContain('tidemark_auth_key_set_failures_total{issuer="id"} 1');
    expect(text()).toContain('the keys of an issuer cannot be had');
    clock.advance(KEY_SET_STALE_MS - KEY_SET_FRESH_MS);
    await expect(find('old')).resolves.toMatchObject({ type: 'public' });
    clock.advance(1);
    await expect(find('old')).rejects.toMatchObject(NO_KEY);
    state.answer = () => setOf(OLD);
    clock.advance(KEY_SET_COOL_DOWN_MS);
    await expect(find('old')).resolves.toMatchObject({ type: 'public' });
  });

  it('lets known keys through while the issuer keeps it waiting', async () => {
    const { find, clock, state } = setUp(() => setOf(OLD));
    await find('old');
    let answer: (response: Response) => void = () => undefined;
    state.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    clock.advance(KEY_SET_FRESH_MS);
    await expect(find('old')).resolves.toMatchObject({ type: 'public' });
    const waiting = find('new');
    answer(setOf(NEW));
    await expect(waiting).resolves.toMatchObject({ type: 'public' });
  });

  it('forgets a key that was withdrawn', async () => {
    const { find, clock, state } = setUp(() => setOf(OLD));
    await find('old');
    state.answer = () => setOf(NEW);
    clock.advance(KEY_SET_FRESH_MS);
    // Whoever comes first is let in, and has it asked for.
    await find('old');
    await expect(find('new')).resolves.toMatchObject({ type: 'public' });
    await expect(find('old')).rejects.toMatchObject(NO_KEY);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['no answer', down],
    ['a fault', () => new Response('down', { status: 503 })],
    ['no JSON', () => new Response('<html>')],
    ['no key set', () => new Response('{"keys":{}}')],
    ['nothing', () => new Response(null)],
    ['null', () => new Response('null')],
    ['too much', () => new Response(`{"keys":[],"x":"${'x'.repeat(KEY_SET_BYTES_MAX)}"}`)],
    ['too many keys', () => setOf(...Array.from({ length: KEY_SET_KEYS_MAX + 1 }, () => OLD))],
    ['a key that cannot be read', () => setOf({ ...OLD, x: 'AAAA' })],
    ['a private key', () => setOf({ ...OLD, d: 'AAAA' })],
  ])('has no key from %s', async (_what, answer) => {
    const { find } = setUp(answer);
    await expect(find('old')).rejects.toMatchObject(NO_KEY);
  });

  it('reads no more of an answer than its limit', async () => {
    let pulled = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            pulled += 1;
            controller.enqueue(new Uint8Array(KEY_SET_BYTES_MAX / 4));
          },
        }),
      );
    await expect(setUp(endless).find('old')).rejects.toMatchObject(NO_KEY);
    expect(pulled).toBeLessThan(10);
  });

  it('refuses to guess between two keys', async () => {
    const { find } = setUp(() => setOf(OLD, { ...NEW, kid: 'old' }));
    await expect(find('old')).rejects.toMatchObject({ code: 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' });
  });
});

describe('sortKeys', () => {
  it('passes over keys for other purposes, and says of the others what is wrong', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const encrypting = { ...OLD, use: 'enc' };
    const wrapping = { ...OLD, use: undefined, key_ops: ['wrapKey'] };
    const { usable, faults } = sortKeys([OLD, encrypting, wrapping, short, null, { kty: 'oct', k: 'AAAA' }]);
    expect(usable.map(({ kid }) => kid)).toEqual(['old']);
    expect(faults).toEqual([
      { index: 3, detail: 'is shorter than 2048 bits' },
      { index: 4, detail: 'is no JSON Web Key' },
      { index: 5, detail: 'is not a public key' },
    ]);
  });
});

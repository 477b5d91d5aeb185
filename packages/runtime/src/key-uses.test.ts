import { AppError } from '@tidemark/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createKeyUses, KEY_USES_INTERVAL_MS, KEY_USES_MAX, type KeyUses } from './key-uses.ts';
import { createManualClock, createTestLog } from './testing.ts';

const opened: KeyUses[] = [];
afterEach(async () => {
  for (const uses of opened.splice(0)) await uses.close();
});

function setUp() {
  const clock = createManualClock(1_000);
  const { log, text } = createTestLog();
  const written: (readonly { readonly publicId: string; readonly atMs: number }[])[] = [];
  const state: { error: Error | null } = { error: null };
  const write = async (uses: (typeof written)[number]) => {
    written.push(uses);
    if (state.error !== null) throw state.error;
  };
  const uses = createKeyUses({ write, clock, log });
  opened.push(uses);
  /** Lets the writer go on as far as it can. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { uses, written, state, advance, logged: text };
}

describe('the uses of keys', () => {
  it('are written once an interval, with the latest time of each key', async () => {
    const { uses, written, advance } = setUp();
    uses.note('a');
    await advance(KEY_USES_INTERVAL_MS - 1);
    uses.note('a');
    uses.note('b');
    expect(written).toEqual([]);
    await advance(1);
    const atMs = 1_000 + KEY_USES_INTERVAL_MS - 1;
    expect(written).toEqual([
      [
        { publicId: 'a', atMs },
        { publicId: 'b', atMs },
      ],
    ]);
    await advance(10 * KEY_USES_INTERVAL_MS);
    expect(written).toHaveLength(1);
    uses.note('a');
    await advance(KEY_USES_INTERVAL_MS);
    expect(written).toHaveLength(2);
  });

  it('are written at the end, and no more after it', async () => {
    const { uses, written } = setUp();
    uses.note('a');
    await uses.close();
    uses.note('b');
    await uses.close();
    expect(written).toEqual([[{ publicId: 'a', atMs: 1_000 }]]);
  });

  it('are lost while the catalog is away, and said to be', async () => {
    const { uses, written, state, advance, logged } = setUp();
    state.error = new AppError('catalog-unavailable', 'away');
    uses.note('a');
    await advance(KEY_USES_INTERVAL_MS);
    expect(logged()).toContain('was not written');
    state.error = null;
    uses.note('b');
    await advance(KEY_USES_INTERVAL_MS);
    expect(written.at(-1)).toMatchObject([{ publicId: 'b' }]);
  });

  it('pass over tokens, and keys beyond what is held', async () => {
    const { uses, written } = setUp();
    uses.note('jwt:login:ada');
    for (let index = 0; index <= KEY_USES_MAX; index += 1) uses.note(String(index));
    await uses.close();
    expect(written.flat()).toHaveLength(KEY_USES_MAX);
    expect(written.flat().map(({ publicId }) => publicId)).not.toContain('jwt:login:ada');
  });
});

import { describe, expect, it } from '@jest/globals';
import type { FoundEvent } from '@tidemark/warehouse';
import { slipsAmong } from './copies.ts';

const WINDOW_MS = 100;
const row = (receivedAtMs: number, change: Partial<FoundEvent> = {}): FoundEvent => ({
  ...{ identity: '1', content: '1', organization: 'acme', source: 's', id: 'x', receivedAtMs },
  ...change,
});

describe('copies among the rows of some identities', () => {
  it.each([
    ['one row', [row(0)], 0],
    ['a copy within the window', [row(0), row(99)], 2],
    ['a copy at the end of the window', [row(100), row(0)], 2],
    ['the same event again behind the window', [row(0), row(101)], 0],
    ['a copy of what came again behind the window', [row(0), row(101), row(150)], 2],
    ['copies of copies', [row(300), row(0), row(90), row(180)], 3],
    ['at one instant', [row(5), row(5), row(5)], 3],
  ])('%s', (_name, rows, copies) => {
    expect(slipsAmong(rows, WINDOW_MS).map((slip) => slip.copies)).toEqual(copies === 0 ? [] : [copies]);
  });

  it('are told with what names the event and from when to when it came', () => {
    const again = row(220, { content: '2' });
    expect(slipsAmong([row(0), row(150), again], WINDOW_MS)).toEqual([
      { identity: '1', organization: 'acme', source: 's', id: 'x', copies: 2, firstMs: 0, lastMs: 220 },
    ]);
  });

  it('are of one event: others may have the same hash', () => {
    const others = [row(1, { organization: 'bolt' }), row(2, { source: 't' }), row(3, { id: 'y' })];
    expect(slipsAmong([row(0), ...others], WINDOW_MS)).toEqual([]);
  });
});

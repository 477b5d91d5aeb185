import { describe, expect, it } from '@jest/globals';
import { isOfNewLog, measureBacklog } from './log-progress.ts';

const at = (offset: number) => new Map([[0, offset]]);
const bounds = (startOffset: number, endOffset: number) => [{ partition: 0, startOffset, endOffset }];
const before = (stored: number, madeAnew: ReadonlyMap<number, number> = new Map()) => ({
  stored: at(stored),
  madeAnew,
});

const lag = (backlogRecords: number, storedRecords: number) => ({
  partitions: new Map([[0, { backlogRecords, storedRecords }]]),
});

describe('isOfNewLog', () => {
  it('is true of offsets before what was stored already', () => {
    expect(isOfNewLog({ partition: 0, offset: 9 }, at(10))).toBe(true);
    expect(isOfNewLog({ partition: 0, offset: 10 }, at(10))).toBe(false);
    expect(isOfNewLog({ partition: 1, offset: 0 }, at(10))).toBe(false);
  });
});

describe('measureBacklog', () => {
  it('counts what is received and not stored, and nothing that retention has dropped', () => {
    expect(measureBacklog(bounds(0, 10), at(4), null)).toEqual({ ...lag(6, 4), madeAnew: new Map() });
    expect(measureBacklog(bounds(7, 10), at(4), before(4))).toEqual({ ...lag(3, 7), madeAnew: new Map() });
  });

  it('takes nothing for a new log that was stored between the two looks', () => {
    expect(measureBacklog(bounds(0, 10), at(12), before(10))).toEqual({ ...lag(0, 12), madeAnew: new Map() });
  });

  it('counts all of a log that was made anew, also when it has grown beyond the former one', () => {
    const first = measureBacklog(bounds(0, 30), at(100), before(100));
    expect(first).toEqual({ ...lag(30, 0), madeAnew: at(100) });
    const second = measureBacklog(bounds(5, 130), at(100), before(100, first.madeAnew));
    expect(second).toEqual({ ...lag(125, 5), madeAnew: at(100) });
    // Progress that moves is that of the new log.
    const third = measureBacklog(bounds(5, 130), at(120), before(100, second.madeAnew));
    expect(third).toEqual({ ...lag(10, 120), madeAnew: new Map() });
  });
});

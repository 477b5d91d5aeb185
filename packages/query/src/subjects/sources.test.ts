import { describe, expect, it } from '@jest/globals';
import { HOUR_MS, MINUTE_MS } from '@tidemark/core';
import type { QueryPipeline } from '../pipeline.ts';
import { deskCatalogue } from '../testing/desk-pack.ts';
import { organizationId } from '../testing/warehouse.ts';
import { MARKS_READ_MAX, rawBesideFacts } from './sources.ts';

const NOON_MS = Date.UTC(2026, 0, 15, 12);
const END_MS = Date.UTC(2200, 0, 1);
const ALL = [{ fromMs: 0, toMs: END_MS }];
const { facts } = deskCatalogue();

async function plan(options: {
  marks?: readonly number[];
  completeThroughMs?: number | null;
  /** One answer a call. */
  unknown?: readonly (readonly string[])[];
}) {
  const { marks = [], completeThroughMs = NOON_MS, unknown = [] } = options;
  const calls: string[] = [];
  const answers = unknown.values();
  const pipeline: QueryPipeline = {
    progress: () => Promise.reject(new Error('progress is read before')),
    unknownMeasures: () => {
      calls.push('unknown');
      return Promise.resolve(answers.next().value ?? []);
    },
    dirtyBuckets: (_organization, tier, fromMs, toMs, limit) => {
      calls.push(`marks ${tier}`);
      return Promise.resolve(marks.filter((start) => start >= fromMs && start < toMs).slice(0, limit));
    },
  };
  const organization = organizationId('acme');
  return { ranges: await rawBesideFacts(facts, { organization, pipeline, completeThroughMs }), calls };
}

describe('raw beside what is kept of subjects', () => {
  it('is what is open, from the minute on in which completeThrough lies', async () => {
    const { ranges, calls } = await plan({ completeThroughMs: NOON_MS + 59_999 });
    expect(ranges).toEqual([{ fromMs: NOON_MS, toMs: END_MS }]);
    expect(calls).toEqual(['unknown', 'marks 1m', 'unknown']);
  });

  it('and the marked minutes, neighbours joined', async () => {
    const marks = [NOON_MS - HOUR_MS, NOON_MS - HOUR_MS + MINUTE_MS, NOON_MS - MINUTE_MS];
    expect((await plan({ marks })).ranges).toEqual([
      { fromMs: NOON_MS - HOUR_MS, toMs: NOON_MS - HOUR_MS + 2 * MINUTE_MS },
      { fromMs: NOON_MS - MINUTE_MS, toMs: END_MS },
    ]);
  });

  it('is wider rather than long to say, and covers every mark', async () => {
    const marks = Array.from({ length: 300 }, (_, index) => NOON_MS - (300 - index) * 2 * MINUTE_MS);
    const { ranges } = await plan({ marks });
    expect(ranges.length).toBeLessThanOrEqual(16);
    for (const mark of marks) {
      expect(ranges.some(({ fromMs, toMs }) => fromMs <= mark && mark + MINUTE_MS <= toMs)).toBe(true);
    }
  });

  it('is everything from the first mark on that was not looked at', async () => {
    const firstMs = NOON_MS - (MARKS_READ_MAX + 10) * 2 * MINUTE_MS;
    const marks = Array.from({ length: MARKS_READ_MAX + 10 }, (_, index) => firstMs + index * 2 * MINUTE_MS);
    const last = (await plan({ marks })).ranges.at(-1);
    expect(last?.toMs).toBe(END_MS);
    expect(last?.fromMs).toBeLessThanOrEqual(firstMs + MARKS_READ_MAX * 2 * MINUTE_MS);
  });

  it('is all of raw while nothing is closed, and while a fact is not adopted, before the marks or after', async () => {
    const [fact] = facts;
    const unknown = [fact?.fingerprint ?? ''];
    expect((await plan({ completeThroughMs: null })).ranges).toEqual(ALL);
    expect((await plan({ unknown: [unknown] })).ranges).toEqual(ALL);
    expect((await plan({ unknown: [[], unknown] })).ranges).toEqual(ALL);
  });
});

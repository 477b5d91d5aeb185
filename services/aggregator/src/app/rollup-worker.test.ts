import { describe, expect, it } from '@jest/globals';
import type { Claim, ClaimOptions, DirtyBucket } from '@tidemark/catalog';
import { AppError, MINUTE_MS } from '@tidemark/core';
import type { ErrorCode, Measure, SubjectFact, Tier } from '@tidemark/core';
import type { RecomputeOptions } from '@tidemark/warehouse';
import { NOON_MS, organization } from '../domain/testing.ts';
import { ROLLUP_LEASE_MS, runRollupWorker } from './rollup-worker.ts';
import type { RollupWorkerDependencies } from './rollup-worker.ts';
import { createSilentLog, createSkippingClock } from './testing.ts';

const MEASURE = { fingerprint: 'f1' } as Measure;
const FACT = { fingerprint: 'f2' } as SubjectFact;

/** The part of the catalog that a worker uses: buckets by start, each free from an instant on. */
function createPipeline(starts: readonly number[], nowMs: () => number, tier: Tier) {
  const freeAtMs = new Map(starts.map((start) => [start, 0]));
  const claims: ClaimOptions[] = [];
  const calls: string[] = [];
  const faults = new Map<string, ErrorCode[]>();
  let version = 0n;
  const step = async (call: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    const code = faults.get(call)?.shift();
    if (code !== undefined) throw new AppError(code, call);
    calls.push(call);
  };
  const pipeline: RollupWorkerDependencies['pipeline'] = {
    recordProgress: () => step('recordProgress'),
    progress: async () => {
      await step('progress');
      return [{ topic: '', partition: 0, nextOffset: 0, arrivedThroughMs: NOON_MS + MINUTE_MS * 60 }];
    },
    markDirty: async (buckets: readonly DirtyBucket[]) => {
      await step(`mark ${buckets.length}`);
    },
    claimDirty: async (options) => {
      await step('claim');
      claims.push(options);
      const due = [...freeAtMs].filter(([, atMs]) => atMs <= nowMs()).map(([start]) => start);
      const buckets = due.slice(0, options.maxBuckets).map((bucketStartMs) => {
        freeAtMs.set(bucketStartMs, nowMs() + options.leaseMs);
        return { tier, organization: organization(), bucketStartMs, mark: 1n } as const;
      });
      version += 1n;
      return buckets.length === 0 ? null : { version, buckets, measures: options.measures };
    },
    clearDirty: async (claim: Claim) => {
      await step('clear');
      for (const { bucketStartMs } of claim.buckets) freeAtMs.delete(bucketStartMs);
    },
    releaseClaim: async (claim: Claim) => {
      await step('release');
      for (const { bucketStartMs } of claim.buckets) freeAtMs.set(bucketStartMs, 0);
    },
    dirtyBuckets: () => Promise.resolve([]),
    countDirty: () => Promise.resolve(freeAtMs.size),
    raiseVersion: (least) => step(`raise ${least}`),
    areAdopted: () => Promise.resolve(true),
    adoptMeasures: async () => {
      await step('adopt');
      return calls.includes('confirm') ? [] : [{ fingerprint: 'f1', adoption: 1n }];
    },
    confirmMeasures: () => step('confirm'),
    unknownMeasures: () => Promise.resolve([]),
  };
  return { pipeline, claims, calls, faults, step, left: () => [...freeAtMs.keys()] };
}

/** Runs a worker until `until` holds or nothing more can happen. */
async function run(
  starts: readonly number[],
  options: {
    readonly recompute?: (asked: RecomputeOptions) => void;
    readonly minutes?: readonly number[];
    readonly until: (left: readonly number[], calls: readonly string[]) => boolean;
    readonly faults?: Readonly<Record<string, ErrorCode[]>>;
    readonly tier?: Tier;
    readonly own?: readonly Measure[];
  },
) {
  const clock = createSkippingClock();
  const stop = new AbortController();
  const world = createPipeline(starts, () => clock.nowMs(), options.tier ?? '1m');
  for (const [call, codes] of Object.entries(options.faults ?? {})) world.faults.set(call, codes);
  const own = [...(options.own ?? [])];
  const recomputed: number[] = [];
  let failures = 0;
  const stopWhenDone = () => {
    if (options.until(world.left(), world.calls)) stop.abort();
  };
  await runRollupWorker(
    {
      pipeline: world.pipeline,
      rollups: {
        greatestVersion: () => Promise.resolve(7n),
        recompute: async (asked) => {
          await Promise.resolve();
          options.recompute?.(asked);
          return 1;
        },
      },
      events: {
        allMinutes: async function* () {
          await Promise.resolve();
          yield (options.minutes ?? []).map((minuteMs) => ({ organization: organization(), minuteMs }));
        },
      },
      subjects: {
        absorb: ({ facts, bucketStartsMs }) =>
          world.step(`absorb ${facts.length} of ${bucketStartsMs.length}`),
      },
      measures: [MEASURE],
      ownMeasures: {
        of: async () => {
          await world.step('own');
          return own;
        },
        giveUp: async (_organization, measure) => {
          await world.step(`give up ${measure.fingerprint}`);
          own.splice(own.indexOf(measure), 1);
        },
      },
      facts: [FACT],
      clock: {
        nowMs: () => clock.nowMs(),
        sleep: async (ms) => {
          stopWhenDone();
          await clock.sleep(ms);
        },
      },
      log: createSilentLog(),
      onRecomputed: (claim) => recomputed.push(claim.buckets.length),
      onFailed: () => {
        failures += 1;
      },
    },
    { allowedLatenessMs: 0 },
    stop.signal,
  );
  return { ...world, recomputed, failures: () => failures };
}

const minutes = (count: number) => Array.from({ length: count }, (_, index) => NOON_MS + index * MINUTE_MS);
const isClean = (left: readonly number[]) => left.length === 0;

describe('the rollup worker', () => {
  it('recomputes what is claimed, clears it afterwards, and rests when nothing is due', async () => {
    const { calls, recomputed } = await run(minutes(3), { until: isClean });
    expect(recomputed).toEqual([3]);
    expect(calls.slice(calls.indexOf('progress'))).toEqual([
      'progress',
      'claim',
      'own',
      'absorb 1 of 3',
      'clear',
      'progress',
      'claim',
    ]);
  });

  it("makes rollups of the organization's own measures too, those it has anyway once", async () => {
    const asked: string[][] = [];
    const own = [{ fingerprint: 'own' }, MEASURE] as Measure[];
    const { claims } = await run(minutes(1), {
      own,
      recompute: ({ measures }) => asked.push(measures.map(({ fingerprint }) => fingerprint)),
      until: isClean,
    });
    expect(asked).toEqual([['f1', 'own']]);
    expect(claims[0]?.measures).toEqual(['f1', 'f2']);
  });

  it('clears no mark while it does not know which those are', async () => {
    const { calls } = await run(minutes(1), { faults: { own: ['catalog-unavailable'] }, until: isClean });
    const tries = calls.filter((call) => ['own', 'release', 'clear'].includes(call));
    // The claim that failed was of one bucket: it keeps its lease, and comes up again when that is over.
    expect(tries).toEqual(['own', 'clear']);
  });

  it('claims for its measures and facts together', async () => {
    const { claims } = await run(minutes(1), { until: isClean });
    expect(claims[0]?.measures).toEqual(['f1', 'f2']);
  });

  it('keeps subjects of minutes alone: wider buckets hold the same events', async () => {
    const { calls } = await run(minutes(1), { until: isClean, tier: '15m' });
    expect(calls).toContain('clear');
    expect(calls.some((call) => call.startsWith('absorb'))).toBe(false);
  });

  it('clears no mark before subjects are kept', async () => {
    const { calls, failures } = await run(minutes(2), {
      faults: { 'absorb 1 of 2': ['query-timeout'] },
      until: isClean,
    });
    expect(failures()).toBe(1);
    expect(calls.filter((call) => call === 'clear' || call.startsWith('absorb'))).toEqual([
      'absorb 1 of 1',
      'clear',
      'absorb 1 of 1',
      'clear',
    ]);
  });

  it('halves what failed until the bad bucket stands alone, and then serves the others first', async () => {
    const bad = NOON_MS;
    const { left, claims, failures } = await run(minutes(8), {
      recompute: ({ bucketStartsMs }) => {
        if (bucketStartsMs.includes(bad)) throw new AppError('query-too-expensive', 'too much memory');
      },
      until: (rest) => rest.length === 1,
    });
    expect(left()).toEqual([bad]);
    expect(claims.map(({ maxBuckets }) => maxBuckets).slice(0, 8)).toEqual([256, 4, 2, 1, 1, 2, 4, 8]);
    expect(failures()).toBe(4);
    expect(claims[3]?.leaseMs).toBeGreaterThan(2 * MINUTE_MS);
    expect(claims[0]?.leaseMs).toBe(ROLLUP_LEASE_MS);
  });

  it('gives back what failed for an outage, and goes on after it', async () => {
    let outages = 5;
    const { recomputed, calls } = await run(minutes(4), {
      recompute: () => {
        outages -= 1;
        if (outages >= 0) throw new AppError('warehouse-unavailable', 'away');
      },
      until: isClean,
    });
    expect(recomputed.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(calls.filter((call) => call === 'release')).toHaveLength(5);
  });

  it('goes on after an outage of the catalog, and does a bucket again whose mark it could not clear', async () => {
    const { recomputed, failures } = await run(minutes(2), {
      faults: {
        adopt: ['catalog-unavailable'],
        progress: ['catalog-unavailable'],
        claim: ['catalog-unavailable'],
        clear: ['catalog-unavailable'],
      },
      until: isClean,
    });
    expect(recomputed).toEqual([2]);
    expect(failures()).toBe(4);
  });

  it('marks everything stored before it confirms new measures, and once only', async () => {
    const { calls } = await run([], {
      minutes: minutes(2),
      until: (_, done) => done.includes('claim'),
    });
    // Two minutes, one quarter of an hour, one day.
    expect(calls.slice(0, 4)).toEqual(['raise 7', 'adopt', 'mark 4', 'confirm']);
    expect(calls.filter((call) => call === 'adopt')).toHaveLength(1);
  });

  it('does not confirm measures while a mark is missing', async () => {
    const { calls } = await run([], {
      minutes: minutes(2),
      faults: { 'mark 4': ['catalog-unavailable'] },
      until: (_, done) => done.includes('claim'),
    });
    expect(calls.indexOf('confirm')).toBeGreaterThan(calls.indexOf('mark 4'));
    expect(calls.filter((call) => call === 'adopt')).toHaveLength(2);
  });

  it.each([
    ['costs too much', new AppError('query-too-expensive', 'too much memory'), 2],
    ['finds a bug', new Error('field value too long'), 0],
  ])('gives up an own measure that %s before it clears the mark', async (_name, error, failures) => {
    const own = [{ fingerprint: 'good' }, { fingerprint: 'bad' }] as Measure[];
    const made: string[] = [];
    const world = await run(minutes(4), {
      own,
      recompute: ({ measures }) => {
        const names = measures.map(({ fingerprint }) => fingerprint);
        if (names.includes('bad')) throw error;
        made.push(names.join(' '));
      },
      until: isClean,
    });
    expect(made.slice(0, 2)).toEqual(['f1', 'good']);
    expect(world.failures()).toBe(failures);
    const order = world.calls.filter((call) => call === 'clear' || call.startsWith('give'));
    expect(order.slice(0, 2)).toEqual(['give up bad', 'clear']);
  });

  it('stops at a bug', async () => {
    const bug = () => {
      throw new Error('no such column');
    };
    await expect(run(minutes(1), { recompute: bug, until: isClean })).rejects.toThrow('no such column');
  });
});

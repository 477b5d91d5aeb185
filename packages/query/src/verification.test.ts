import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, parseOrganizationId, type OrganizationId, type Tier } from '@tidemark/core';
import { DIFFERENCES_SHOWN_MAX, type RollupDifference } from '@tidemark/warehouse';
import { shopCatalogue } from './testing/shop-pack.ts';
import {
  BUCKETS_PER_VERIFICATION_MAX,
  verifyBuckets,
  type VerificationDependencies,
} from './verification.ts';

const NOON_MS = Date.UTC(2026, 0, 15, 12);
const MEASURES = shopCatalogue().measures;
const [MEASURE] = MEASURES;
const acme = organizationOf('acme');
const minute = (index: number) => NOON_MS + index * MINUTE_MS;
const range = (length: number) => Array.from({ length }, (_, index) => index);

function organizationOf(text: string): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw new Error(`${text} is no organization id`);
  return id;
}

function differenceOf(bucketStartMs: number, fields: Partial<RollupDifference> = {}): RollupDifference {
  const measure = MEASURE?.fingerprint ?? '';
  return { measure, bucketStartMs, dimensions: [], columns: ['events'], raw: '2', rollup: '1', ...fields };
}

/** What the pipeline and the warehouse say; a list gives one answer a call, its last one from then on. */
interface World {
  readonly raw?: readonly number[];
  readonly rolledUp?: readonly number[];
  readonly marks?: readonly (readonly number[])[];
  readonly unknown?: readonly (readonly string[])[];
  readonly differing?: readonly (readonly RollupDifference[])[];
  readonly beyondProgress?: readonly { readonly organization: OrganizationId; readonly minuteMs: number }[];
}

function dependenciesOf(world: World) {
  const calls: string[] = [];
  const compared: (readonly number[])[] = [];
  const next = <T>(answers: readonly T[] | undefined, name: string): T | undefined => {
    const turn = calls.filter((call) => call === name).length;
    calls.push(name);
    return answers?.[Math.min(turn, answers.length - 1)];
  };
  const dependencies: VerificationDependencies = {
    measures: MEASURES,
    eventsTopic: 'events',
    pipeline: {
      progress: async () => {
        calls.push('progress');
        return [
          { partition: 0, nextOffset: 10 },
          { partition: 1, nextOffset: 20 },
        ];
      },
      dirtyBuckets: async (organization, _tier, fromMs, toMs) => {
        expect(organization).toBe(acme);
        return (next(world.marks, 'marks') ?? []).filter((start) => start >= fromMs && start < toMs);
      },
      unknownMeasures: async () => next(world.unknown, 'measures') ?? [],
    },
    events: {
      minutesWithin: async ({ fromMs, toMs }) =>
        (world.raw ?? []).filter((start) => start >= fromMs && start < toMs),
      minutesFrom: async ({ partition }, fromOffset) => {
        calls.push('beyond progress');
        expect(fromOffset).toBe(partition === 0 ? 10 : 20);
        return partition === 1 ? (world.beyondProgress ?? []) : [];
      },
    },
    rollups: {
      bucketsWithin: async (_organization, _tier, fromMs, toMs) =>
        (world.rolledUp ?? []).filter((start) => start >= fromMs && start < toMs),
      compare: async ({ bucketStartsMs }) => {
        compared.push(bucketStartsMs);
        return (next(world.differing, 'compare') ?? [])
          .filter((difference) => bucketStartsMs.includes(difference.bucketStartMs))
          .slice(0, DIFFERENCES_SHOWN_MAX);
      },
    },
  };
  return { dependencies, calls, compared };
}

function verify(
  world: World,
  options: { fromMs?: number; toMs?: number; closedThroughMs?: number; tier?: Tier } = {},
) {
  const made = dependenciesOf(world);
  const asked = {
    organization: acme,
    tier: '1m' as const,
    fromMs: NOON_MS,
    toMs: minute(60),
    closedThroughMs: minute(60),
    timeoutMs: 1_000,
    ...options,
  };
  return { ...made, done: verifyBuckets(made.dependencies, asked) };
}

/** Of a verification that has looked at everything. */
function verdict(checkedBuckets: number, skippedDirty: number, differences: readonly RollupDifference[]) {
  return { checkedBuckets, skippedDirty, differences, isTruncated: false };
}

/** So many differences of the bucket. */
function manyOf(bucketStartMs: number, count: number): readonly RollupDifference[] {
  return range(count).map((index) => differenceOf(bucketStartMs, { dimensions: [`${index}`] }));
}

describe('verification of buckets', () => {
  it('reports what differs twice in the same words, with nothing on its way', async () => {
    const wrong = differenceOf(minute(1));
    const { done, calls } = verify({ raw: [minute(0), minute(1)], differing: [[wrong]] });
    expect(await done).toEqual(verdict(2, 0, [wrong]));
    const looking = ['compare', 'progress', 'marks', 'beyond progress', 'beyond progress'];
    expect(calls).toEqual(['measures', 'marks', ...looking, ...looking, 'measures']);
  });

  it('looks no further when all agree', async () => {
    const { done, calls } = verify({ raw: [minute(0)], rolledUp: [minute(0), minute(2)] });
    expect(await done).toEqual(verdict(2, 0, []));
    expect(calls).toEqual(['measures', 'marks', 'compare', 'measures']);
  });

  it('compares buckets that only raw or only rollups have, once each and not the marked ones', async () => {
    const { done, compared } = verify({
      raw: [minute(0), minute(1), minute(3)],
      rolledUp: [minute(1), minute(2)],
      marks: [[minute(3), minute(9)]],
    });
    expect(await done).toEqual(verdict(3, 1, []));
    expect(compared).toEqual([[minute(0), minute(1), minute(2)]]);
  });

  it('leaves out what is marked after the first or after the second comparison', async () => {
    const differing = [[differenceOf(minute(0)), differenceOf(minute(1)), differenceOf(minute(2))]];
    const { done } = verify({
      raw: [minute(0), minute(1), minute(2)],
      differing,
      marks: [[], [minute(0)], [minute(1)]],
    });
    expect(await done).toEqual(verdict(1, 2, [differenceOf(minute(2))]));
  });

  it('leaves out buckets with rows beyond the progress: their marks may be missing yet', async () => {
    const { done } = verify({
      raw: [minute(0), minute(1)],
      differing: [[differenceOf(minute(0)), differenceOf(minute(1))]],
      beyondProgress: [
        { organization: acme, minuteMs: minute(0) },
        { organization: organizationOf('other'), minuteMs: minute(1) },
      ],
    });
    expect(await done).toEqual(verdict(1, 1, [differenceOf(minute(1))]));
  });

  it.each([
    ['agreement', []],
    ['other figures', [differenceOf(NOON_MS, { raw: '3' })]],
    ['a rollup made since', [differenceOf(NOON_MS, { rollup: '3' })]],
  ])('takes a difference that becomes %s for a row on its way', async (_, second) => {
    const { done } = verify({ raw: [NOON_MS], differing: [[differenceOf(NOON_MS)], second] });
    expect(await done).toEqual(verdict(1, 0, []));
  });

  it('looks at confirmed measures alone, and drops what is not confirmed afterwards', async () => {
    const all = MEASURES.map(({ fingerprint }) => fingerprint);
    const none = verify({ raw: [NOON_MS], unknown: [all], differing: [[differenceOf(NOON_MS)]] });
    expect(await none.done).toEqual(verdict(0, 0, []));
    expect(none.calls).toEqual(['measures']);
    const later = verify({ raw: [NOON_MS], unknown: [[], all], differing: [[differenceOf(NOON_MS)]] });
    expect((await later.done).differences).toEqual([]);
  });

  it('takes closed buckets that begin in the range', async () => {
    const raw = range(20).map(minute);
    const starts = async (options: Parameters<typeof verify>[1]) => {
      const { done, compared } = verify({ raw }, options);
      await done;
      return compared.flat();
    };
    expect(await starts({ fromMs: minute(2) + 1, toMs: minute(5) })).toEqual([3, 4].map(minute));
    expect(await starts({ toMs: minute(1) + 1 })).toEqual([0, 1].map(minute));
    expect(await starts({ closedThroughMs: minute(2) - 1 })).toEqual([minute(0)]);
    expect(await starts({ closedThroughMs: minute(2) })).toEqual([0, 1].map(minute));
    expect(await starts({ closedThroughMs: NOON_MS })).toEqual([]);
    expect(await starts({ toMs: NOON_MS })).toEqual([]);
    expect(await starts({ tier: '15m', closedThroughMs: minute(29) })).toEqual([minute(0)]);
    expect(await starts({ tier: '15m', closedThroughMs: minute(30) })).toEqual([minute(0), minute(15)]);
  });

  it('compares a bounded number of buckets at a time', async () => {
    const { done, compared } = verify(
      { raw: range(60).map(minute), rolledUp: range(3_000).map(minute) },
      { toMs: minute(3_000), closedThroughMs: minute(3_000) },
    );
    expect((await done).checkedBuckets).toBe(3_000);
    expect(compared.map(({ length }) => length)).toEqual([1_440, 1_440, 120]);
  });

  it('shows a bounded number of differences, and says that there may be more', async () => {
    const { done } = verify({ raw: [NOON_MS], differing: [manyOf(NOON_MS, DIFFERENCES_SHOWN_MAX + 1)] });
    const { differences, ...figures } = await done;
    expect(differences).toHaveLength(DIFFERENCES_SHOWN_MAX);
    expect(figures).toEqual({ checkedBuckets: 1, skippedDirty: 0, isTruncated: true });
  });

  it('does not call checked what it has not looked at', async () => {
    const buckets = range(3_000).map(minute);
    // The first chunk gives 945 differences of 63 buckets, four buckets of the second the 55 that are left to show.
    const differing = [
      buckets.flatMap((start, index) => manyOf(start, index < 64 ? 15 : index < 1_440 ? 0 : 16)),
    ];
    const { done, compared } = verify(
      { raw: buckets, differing, marks: [[minute(3), minute(2_999)]] },
      { toMs: minute(3_000), closedThroughMs: minute(3_000) },
    );
    const { differences, ...figures } = await done;
    expect(differences).toHaveLength(DIFFERENCES_SHOWN_MAX);
    expect(figures).toEqual({ checkedBuckets: 1_439 + 4, skippedDirty: 2, isTruncated: true });
    expect(compared.map(({ length }) => length)).toEqual([1_439, 1_440, 67]);
    expect(compared.slice(0, 2).flat()).not.toContain(minute(2_880));
  });

  it('is complete with one difference less than is shown, over all chunks', async () => {
    const buckets = range(1_500).map(minute);
    const differing = buckets.flatMap((start, index) => manyOf(start, index < 40 || index >= 1_440 ? 10 : 0));
    const found = async (differences: readonly RollupDifference[]) => {
      const options = { toMs: minute(1_500), closedThroughMs: minute(1_500) };
      const { isTruncated, checkedBuckets } = await verify(
        { raw: buckets, differing: [differences] },
        options,
      ).done;
      return { isTruncated, checkedBuckets };
    };
    expect(differing).toHaveLength(DIFFERENCES_SHOWN_MAX);
    expect(await found(differing.slice(1))).toEqual({ isTruncated: false, checkedBuckets: 1_500 });
    expect(await found(differing)).toEqual({ isTruncated: true, checkedBuckets: 1_500 });
  });

  it('lets no bucket on its way use up what is shown', async () => {
    const wrong = [differenceOf(minute(1)), differenceOf(minute(1_450))];
    const { done, compared } = verify(
      {
        raw: range(1_460).map(minute),
        differing: [[...manyOf(minute(0), DIFFERENCES_SHOWN_MAX), ...wrong]],
        marks: [[], [minute(0)]],
      },
      { toMs: minute(1_460), closedThroughMs: minute(1_460) },
    );
    expect(await done).toEqual(verdict(1_459, 1, wrong));
    expect(compared.map(({ length }) => length)).toEqual([1_440, 1_439, 20, 2]);
  });

  it('refuses a range without end', async () => {
    const end = minute(BUCKETS_PER_VERIFICATION_MAX);
    expect((await verify({}, { toMs: end, closedThroughMs: end }).done).checkedBuckets).toBe(0);
    const beyond = verify({}, { toMs: end + 1, closedThroughMs: end + MINUTE_MS });
    await expect(beyond.done).rejects.toMatchObject({ code: 'query-too-expensive' });
  });
});

/** Raw and rollups in states that the pipeline can leave behind. */
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  type OrganizationId,
  type Tier,
  tierBucketStartMs,
  TIERS,
} from '@tidemark/core';
import { createQueryEngine, type QueryEngine } from '../engine.ts';
import { DEFAULT_STATEMENT_LIMITS } from '../limits.ts';
import type { FoldEvent } from './fold-metrics.ts';
import type { Random } from './random.ts';
import { type Span, TIME_ZONES } from './random-question.ts';
import { shopCatalogue } from './shop-pack.ts';
import type { TestWarehouse } from './warehouse.ts';

const SPAN_MS = 4 * DAY_MS;
const LATENESS_MS = 5_000;
const LAST_MS = Date.UTC(2037, 11, 1);

const catalogue = shopCatalogue();
let nextVersion = 1n;

export interface World {
  readonly organization: OrganizationId;
  readonly span: Span;
  readonly events: readonly FoldEvent[];
  readonly completeThroughMs: number | null;
  readonly nowMs: number;
  readonly engine: QueryEngine;
}

/** Four days anywhere from 1970 to 2037, most with a change of the clock of their zone on the third. */
function randomSpan(random: Random): Span & { readonly crowdMs: number } {
  const timeZone = random.pick(TIME_ZONES);
  const startMs = DAY_MS + random.below((LAST_MS - SPAN_MS) / MINUTE_MS) * MINUTE_MS;
  const offsetAt = (ms: number) => {
    const shown = new Date(ms).toLocaleString('sv-SE', { timeZone });
    return Date.parse(`${shown.replace(' ', 'T')}Z`) - ms;
  };
  let changeMs = startMs;
  for (let step = 0; step < 53 && offsetAt(changeMs) === offsetAt(changeMs + 7 * DAY_MS); step += 1) {
    changeMs += 7 * DAY_MS;
  }
  for (let widthMs = (7 * DAY_MS) / 2; widthMs >= MINUTE_MS; widthMs /= 2) {
    if (offsetAt(changeMs) === offsetAt(changeMs + widthMs)) changeMs += widthMs;
  }
  const crowdMs = Math.floor(Math.min(changeMs, LAST_MS) / MINUTE_MS) * MINUTE_MS - HOUR_MS;
  const fromMs = Math.max(0, crowdMs - 2 * DAY_MS);
  return { timeZone, fromMs, toMs: fromMs + SPAN_MS, crowdMs: Math.max(fromMs, crowdMs) };
}

function randomEvent(random: Random, index: number, span: ReturnType<typeof randomSpan>): FoldEvent {
  // Half of the events crowd into three hours around the change of the clock.
  const isInCrowd = random.chance(0.5);
  const atMs = isInCrowd ? span.crowdMs + random.below(3 * HOUR_MS) : span.fromMs + random.below(SPAN_MS);
  const aligned = random.chance(0.1) ? Math.floor(atMs / (15 * MINUTE_MS)) * 15 * MINUTE_MS : atMs;
  return {
    type: random.chance(0.8) ? 'order.placed' : 'order.failed',
    id: `e${index}`,
    timeNs:
      BigInt(Math.max(0, aligned)) * 1_000_000n + BigInt(random.chance(0.5) ? random.below(1_000_000) : 0),
    subject: random.chance(0.05) ? '' : `user-${random.below(25)}`,
    channel: random.pick(['web', 'web', 'app', "o'shop\\", '7', '']),
    country: random.pick(['DE', 'FR', 'IN', 'ÅÄÖ', '']),
    price: random.chance(0.8) ? `${random.below(1000)}.${random.below(100)}1` : null,
    duration: random.chance(0.9) ? randomDuration(random) : null,
    cost: null,
  };
}

function randomDuration(random: Random): string {
  if (random.chance(0.02)) return `${900_000_000_000_000 - random.below(1000)}`;
  return random.chance(0.2) ? `-${1 + random.below(50)}` : `${random.below(3000)}.${random.below(1000)}`;
}

/** Numbers come as JSON numbers and as text; what is no number must count as absent. */
function dataText(event: FoldEvent, random: Random): string {
  const data: Record<string, unknown> = {};
  if (event.channel !== '' || random.chance(0.3)) data['channel'] = event.channel;
  if (event.country !== '') data['address'] = { country: event.country };
  if (event.price !== null) data['price'] = random.chance(0.5) ? event.price : Number(event.price);
  else if (random.chance(0.5)) data['price'] = random.pick(['n/a', '', null, true, '9e99']);
  if (event.duration !== null)
    data['duration_ms'] = random.chance(0.5) ? event.duration : Number(event.duration);
  return JSON.stringify(data);
}

const ofTier = (tier: Tier, batch: readonly FoldEvent[]) =>
  new Set(batch.map((event) => tierBucketStartMs(tier, Number(event.timeNs / 1_000_000n))));

/**
 * Every bucket that is closed and unmarked has a rollup of all its rows; all others have none, a right one, or one from before the
 * late events.
 */
export async function createWorld(
  warehouse: TestWarehouse,
  organization: OrganizationId,
  random: Random,
): Promise<World> {
  const span = randomSpan(random);
  const all = Array.from({ length: 100 + random.below(200) }, (_, index) => randomEvent(random, index, span));
  const cut = Math.floor(all.length * 0.7);
  const [early, late] = [all.slice(0, cut), all.slice(cut)];
  const completeThroughMs = random.chance(0.1)
    ? null
    : Math.floor((span.fromMs + random.below(SPAN_MS + HOUR_MS)) / MINUTE_MS) * MINUTE_MS;
  const unregistered = new Set(
    catalogue.measures.map(({ fingerprint }) => fingerprint).filter(() => random.chance(0.15)),
  );
  const dirty = { '1m': new Set<number>(), '15m': new Set<number>(), '1d': new Set<number>() };

  const share = { '1m': 0.9, '15m': 0.9, '1d': 0.8 };
  const recompute = async (wanted: (tier: Tier, start: number) => boolean) => {
    for (const tier of TIERS) {
      const starts = [...ofTier(tier, all)].filter((start) => wanted(tier, start));
      await warehouse.rollups.recompute({
        organization,
        tier,
        bucketStartsMs: starts,
        measures: catalogue.measures.filter(({ fingerprint }) => !unregistered.has(fingerprint)),
        version: nextVersion++,
        timeoutMs: 30_000,
      });
      for (const start of starts) dirty[tier].delete(start);
    }
  };
  const store = async (batch: readonly FoldEvent[]) => {
    await warehouse.store(organization, batch, (event) => dataText(event, random));
    for (const tier of TIERS) for (const start of ofTier(tier, batch)) dirty[tier].add(start);
  };
  await store(early);
  await recompute((tier) => random.chance(share[tier]));
  await store(late);
  await recompute((tier, start) => dirty[tier].has(start) && random.chance(share[tier]));
  for (const tier of TIERS) {
    const start = tierBucketStartMs(tier, span.fromMs + random.below(SPAN_MS));
    if (random.chance(0.5)) dirty[tier].add(start);
  }

  // A whole minute: however coarse `now` is made for a question, it stays what it is.
  const nowMs = (completeThroughMs ?? span.fromMs) + random.below(120) * MINUTE_MS;
  const progress =
    completeThroughMs === null
      ? []
      : [0, 1, 2].map((partition) => ({
          arrivedThroughMs: completeThroughMs + LATENESS_MS + partition * 700,
        }));
  const engine = createQueryEngine({
    warehouse: warehouse.executor,
    contextOf: () => ({ catalogue }),
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    limitsOf: () => ({ ...DEFAULT_STATEMENT_LIMITS, timeoutMs: MINUTE_MS }),
    eventsTopic: 'events',
    allowedLatenessMs: LATENESS_MS,
    pipeline: {
      unknownMeasures: (asked) =>
        Promise.resolve(asked.filter((fingerprint) => unregistered.has(fingerprint))),
      progress: () => Promise.resolve(progress),
      dirtyBuckets: (_organization, tier, fromMs, toMs) =>
        Promise.resolve(
          [...dirty[tier]].filter((start) => start >= fromMs && start < toMs).toSorted((a, b) => a - b),
        ),
    },
  });
  return { organization, span, events: all, completeThroughMs, nowMs, engine };
}

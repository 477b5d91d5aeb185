/** Stores the oracle's events and makes rollups of them, for the conformance suite of the stores. */
import type { JsonValue, Measure, OrganizationId, Tier } from '@tidemark/core';
import type { FoldEvent } from './conformance-stores-fold.ts';
import { eventBatch, eventRow, measureOf, newToken, NOON_MS, unique } from './conformance-stores-rows.ts';
import { readRollups } from './conformance-stores-states.ts';
import type { StateRequest } from './conformance-stores-states.ts';
import type { Stores } from './conformance-stores-opened.ts';

export const TIMEOUT_MS = 30_000;
const DIMENSIONS = { plan: 'data.plan', region: 'data.place.region' };

/** An event's row: its dimensions lie at `data.plan` and `data.place.region`, its value at `data.amount`. */
function foldRow(event: FoldEvent, organization: OrganizationId, offset: number) {
  const [plan, region] = event.dimensions;
  const seconds = new Date(event.timeMs).toISOString().slice(0, -1);
  const isPlaced = region !== undefined;
  return eventRow({
    organization,
    offset,
    id: event.id,
    timeText: `${seconds}${String(event.nanos).padStart(6, '0')}Z`,
    dataText: JSON.stringify({ plan, amount: event.value, ...(isPlaced ? { place: { region } } : {}) }),
  });
}

export const MEASURES: readonly Measure[] = [
  measureOf({ aggregation: 'count', dimensions: DIMENSIONS }),
  measureOf({ aggregation: 'quantile', value: 'data.amount', dimensions: DIMENSIONS }),
  measureOf({ aggregation: 'sum', value: 'data.amount', dimensions: DIMENSIONS }),
  measureOf({ aggregation: 'unique', value: 'data.amount', dimensions: DIMENSIONS }),
];

export const COUNTS = measureOf({ aggregation: 'count', dimensions: DIMENSIONS });
export const SUMS = measureOf({ aggregation: 'sum', value: 'data.amount' });

export function createRollupWriter(current: () => Stores) {
  const store = (organization: OrganizationId, events: readonly FoldEvent[]) =>
    current().events.insert(
      eventBatch(events.map((event, offset) => foldRow(event, organization, offset))),
      newToken(),
    );
  const storeValues = (organization: OrganizationId, values: readonly JsonValue[]) =>
    store(
      organization,
      values.map((value, index) => eventAt(NOON_MS, { value, id: `v${index}` })),
    );
  const eventAt = (timeMs: number, fields: Partial<FoldEvent> = {}): FoldEvent => ({
    id: `e${unique()}`,
    timeMs,
    nanos: 0,
    dimensions: ['free', 'eu'],
    value: 1,
    ...fields,
  });
  const recompute = (
    organization: OrganizationId,
    options: {
      bucketStartsMs: readonly number[];
      tier?: Tier;
      version?: number;
      measures?: readonly Measure[];
    },
  ) =>
    current().rollups.recompute({
      organization,
      tier: options.tier ?? '1m',
      bucketStartsMs: options.bucketStartsMs,
      measures: options.measures ?? MEASURES,
      version: BigInt(options.version ?? unique()),
      timeoutMs: TIMEOUT_MS,
    });
  const rollupOf = (request: Pick<StateRequest, 'organization'> & Partial<StateRequest>) =>
    readRollups(current().warehouse, { tier: '1m', measure: COUNTS, ...request });
  return { store, storeValues, eventAt, recompute, rollupOf };
}

import type { Definitions } from '@tidemark/catalog';
import { AppError, baseMetricsOf } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { Catalogues } from '@tidemark/query';
import type { EventStore, RollupStore } from '@tidemark/warehouse';
import { markForRebuild, type RebuildDependencies } from './rebuild.ts';

export interface BackfillDependencies extends Omit<RebuildDependencies, 'events'> {
  readonly catalogues: Pick<Catalogues, 'of'>;
  readonly definitions: Pick<Definitions, 'metricsOf' | 'adoptMetric' | 'confirmMetric'>;
  readonly events: Pick<EventStore, 'minutesWithin' | 'spanOf'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin' | 'combinationsOf'>;
}

/** Combinations of rolled-up dimensions of an own metric: beyond, rollups would be no smaller than the events they are made of. */
const OWN_COMBINATIONS_MAX = 10_000;

/**
 * Has rollups made of a metric of an organization's own, of all that is stored: adopts its measure, marks every bucket that has such
 * events, and then confirms the measure. Whoever claims a bucket after the first step makes its rollups, and what was claimed before is
 * marked again by the second: so once it is confirmed a bucket without a mark has them. Until then it is answered from raw, as before.
 * Idempotent; after a failure, call again.
 *
 * @returns how many buckets were marked
 * @throws not-found when the organization has declared no such metric, or it is at fault; conflict when it is put again or deleted
 * meanwhile; invalid-request of a derived metric, which is computed from others; query-too-expensive beyond `OWN_COMBINATIONS_MAX`; catalog-unavailable, warehouse-unavailable, query-timeout
 */
export async function backfillMetric(
  dependencies: BackfillDependencies,
  organization: OrganizationId,
  key: string,
): Promise<number> {
  const { catalogues, definitions, events, rollups } = dependencies;
  const stored = (await definitions.metricsOf(organization)).find((metric) => metric.key === key);
  const metric = (await catalogues.of(organization)).catalogue.metric(key);
  if (stored === undefined || metric === null) {
    throw new AppError('not-found', `the organization has declared no metric ${key} that can be asked`);
  }
  const [base] = baseMetricsOf(metric);
  if (metric.kind !== 'base' || base === undefined) {
    throw new AppError(
      'invalid-request',
      `${key} is computed from other metrics: it has no rollups of its own`,
    );
  }
  const combinations = await rollups.combinationsOf(organization, base.measure);
  if (combinations > OWN_COMBINATIONS_MAX) {
    throw new AppError(
      'query-too-expensive',
      `the rolled-up dimensions of ${key} have about ${combinations} combinations of values, more than ${OWN_COMBINATIONS_MAX}: declare those with many values with rolledUp false; it is answered from raw meanwhile`,
    );
  }
  const { fingerprint, eventTypes } = base.measure;
  const { revision } = stored;
  const rollup = await definitions.adoptMetric(organization, key, { fingerprint, revision });
  if (rollup === null) throw new AppError('conflict', `${key} has been changed meanwhile: call again`);
  const span = await events.spanOf(organization, eventTypes);
  const buckets =
    span === null ? 0 : await markForRebuild(dependencies, { organization, ...span }, eventTypes);
  await definitions.confirmMetric(organization, key, rollup.adoption);
  return buckets;
}

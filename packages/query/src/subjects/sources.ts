/**
 * Which part of raw is read beside what is kept of subjects, and why the answer is right while the pipeline runs.
 *
 * The order is that of `../pipeline.ts`: progress, which facts are adopted, marks, which facts are adopted still, then one statement that
 * reads what is kept and raw. The worker keeps what the rows of a minute tell BEFORE it clears the mark of the minute in the tier 1m,
 * so the rows of a closed minute without a mark are kept; all others are read from raw. What is kept was told by some row at some time:
 * reading a row twice, from both, changes nothing. So the ranges need not be exact, only wide enough, and facts that are not adopted
 * cost a wider range (all of raw) and nothing else.
 */
import {
  type CatalogueMetric,
  MINUTE_MS,
  type OrganizationId,
  stateMetricsOf,
  type SubjectFact,
} from '@tidemark/core';
import { coveringRanges } from '../interval-sql.ts';
import { type QueryPipeline, rolledUpMeasures } from '../pipeline.ts';
import type { Interval } from '../plan.ts';

/** Marks looked at; all that begins with the next one is read from raw. After a rebuild of a year there are half a million. */
export const MARKS_READ_MAX = 5_000;
/** Ranges of one statement, each of which takes time to plan: the narrowest gaps between more of them are read too. */
const RANGES_MAX = 16;

/** Events lie in it, and a day beyond. */
const ALL_TIME: Interval = { fromMs: 0, toMs: Date.UTC(2200, 0, 1) };

export interface FactReading {
  readonly organization: OrganizationId;
  readonly pipeline: QueryPipeline;
  /** Read before this is called. Null: nothing is closed. */
  readonly completeThroughMs: number | null;
}

/** `rawBesideFacts` of the subjects that metrics tell of; nothing when they tell of none. @throws catalog-unavailable */
export async function rawBesideMetrics(
  metrics: readonly CatalogueMetric[],
  reading: FactReading,
): Promise<readonly Interval[]> {
  const facts = metrics.flatMap(stateMetricsOf).flatMap(({ subject }) => subject.facts);
  return facts.length === 0 ? [] : rawBesideFacts(facts, reading);
}

/** Disjoint, ascending: whatever raw rows of the facts are not kept lie in one of them. @throws catalog-unavailable */
export async function rawBesideFacts(
  facts: readonly SubjectFact[],
  { organization, pipeline, completeThroughMs }: FactReading,
): Promise<readonly Interval[]> {
  const fingerprints = facts.map(({ fingerprint }) => fingerprint);
  const areAdopted = async () => {
    const adopted = await rolledUpMeasures(pipeline, organization, fingerprints);
    return fingerprints.every((fingerprint) => adopted.has(fingerprint));
  };
  if (completeThroughMs === null || !(await areAdopted())) return [ALL_TIME];
  const openMs = Math.floor(completeThroughMs / MINUTE_MS) * MINUTE_MS;
  const marks = await pipeline.dirtyBuckets(organization, '1m', 0, openMs, MARKS_READ_MAX + 1);
  if (!(await areAdopted())) return [ALL_TIME];
  const readThroughMs = marks[MARKS_READ_MAX] ?? openMs;
  const ranges: { fromMs: number; toMs: number }[] = [];
  for (const fromMs of [...marks.slice(0, MARKS_READ_MAX), readThroughMs]) {
    const toMs = fromMs === readThroughMs ? ALL_TIME.toMs : fromMs + MINUTE_MS;
    const last = ranges.at(-1);
    if (last?.toMs === fromMs) last.toMs = toMs;
    else ranges.push({ fromMs, toMs });
  }
  return coveringRanges(ranges, RANGES_MAX);
}

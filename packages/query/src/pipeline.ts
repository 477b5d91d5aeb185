/**
 * What the engine must know of the pipeline, and why its answers are right while the pipeline runs.
 *
 * The engine reads which measures are rolled up and progress, THEN dirty marks, THEN the measures again, THEN the warehouse. The aggregator stores
 * rows, then marks their buckets in all tiers, then records progress; the rollup worker writes a bucket's rows, then clears its mark if nobody renewed it.
 *
 * - A bucket closed by the progress read, with no mark in the marks read: every row counted by that progress was marked before
 *   (marks precede progress), so a missing mark means that it was cleared, and its rollup holds those rows. Were the marks read
 *   first, a bucket could be filled, marked and closed in between, and look clean without ever having had a rollup.
 * - A late row arrives after the marks were read: the answer may lack it, as if asked a moment earlier. The next answer has it.
 * - A marked bucket is read from raw, which is right at any time, whatever the worker does meanwhile.
 * - The worker replaces a rollup between the marks and the read: the newer rows hold more of raw, never less, and the greatest
 *   version stands.
 * - A measure that was declared lately has no rollup in buckets closed before. It is answered from raw until it is confirmed,
 *   which is after all those buckets are marked; from then on their marks say, one by one, where its rollups are made.
 * - A release with other measures may take over: it clears marks without making our rollups. What is not confirmed before the
 *   marks AND after them is answered from raw.
 * - Tiers are judged one by one, each by marks read before its rows: it does not matter that they are read one after another.
 *
 * Sources are disjoint in time, so no row is counted twice whatever each of them has seen. Two statements of one question may
 * see a late row differently: they are moments apart, and both moments are true.
 */
import type { OrganizationId, Tier } from '@tidemark/core';

/** The part of the catalog's pipeline state that questions need (structurally a subset of it). */
export interface QueryPipeline {
  /** Of EVERY partition of the topic, also of those that stored nothing yet; empty before the aggregator first ran. @throws catalog-unavailable */
  progress(topic: string): Promise<readonly { readonly arrivedThroughMs: number }[]>;
  /** Starts of the marked buckets that begin within [fromMs, toMs), ascending: all, or the first `limit`. @throws catalog-unavailable */
  dirtyBuckets(
    organization: OrganizationId,
    tier: Tier,
    fromMs: number,
    toMs: number,
    limit?: number,
  ): Promise<readonly number[]>;
  /** Those of the measures whose rollups may be missing in closed buckets of the organization without a mark. @throws catalog-unavailable */
  unknownMeasures(fingerprints: readonly string[], organization: OrganizationId): Promise<readonly string[]>;
}

/**
 * Which of the measures may be read from rollups. Asked for every question: a release with other measures may be adopted at any
 * time, and makes rollups without ours from then on.
 * @throws catalog-unavailable
 */
export async function rolledUpMeasures(
  pipeline: Pick<QueryPipeline, 'unknownMeasures'>,
  organization: OrganizationId,
  fingerprints: readonly string[],
): Promise<ReadonlySet<string>> {
  const distinct = new Set(fingerprints);
  for (const unknown of await pipeline.unknownMeasures([...distinct], organization)) distinct.delete(unknown);
  return distinct;
}

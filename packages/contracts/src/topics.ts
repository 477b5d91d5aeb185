/** The topics of the bus: what each carries, and how long it keeps it. The number of partitions is a deployment's choice. */
import { DAY_MS } from '@tidemark/core';

/** One record per accepted event, keyed by `eventKey`. */
export const EVENTS_TOPIC = 'tidemark.events';
/** What could not become rows, keyed by the id of the letter. */
export const DEAD_LETTERS_TOPIC = 'tidemark.dead-letters';
/** Which buckets changed, keyed by organization. */
export const FLUSHES_TOPIC = 'tidemark.flushes';

/** Long enough to rebuild a lost warehouse from the bus: the real backup of acknowledged events. */
export const EVENTS_RETENTION_MS = 7 * DAY_MS;
/** Long enough to notice, fix and replay. */
export const DEAD_LETTERS_RETENTION_MS = 30 * DAY_MS;
/** A flush only hurries what the catalog already remembers as dirty. */
export const FLUSHES_RETENTION_MS = DAY_MS;

/** Structurally the `TopicSpec` of the bus. */
export interface TopicDeclaration {
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
}

/**
 * Every topic of the product, for `Bus.ensureTopics`.
 *
 * @param partitions of each topic; never changed once the topics exist, or copies of an event stop meeting
 */
export function declareTopics(partitions: number): readonly TopicDeclaration[] {
  return [
    { name: EVENTS_TOPIC, partitions, retentionMs: EVENTS_RETENTION_MS },
    { name: DEAD_LETTERS_TOPIC, partitions, retentionMs: DEAD_LETTERS_RETENTION_MS },
    { name: FLUSHES_TOPIC, partitions, retentionMs: FLUSHES_RETENTION_MS },
  ];
}

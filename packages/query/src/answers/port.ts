/**
 * Answers that may have been computed before, never older than the newest flush of the buckets they read.
 *
 * Vocabulary. A *flush* says that raw rows of some minutes of one organization changed; the *feed* is what this process knows of
 * the flushes; the *version* of a range says up to which flush its numbers are known to be the same.
 */
import type { Answer, OrganizationId, Query } from '@tidemark/core';
import type { QueryEngine } from '../engine.ts';

/** Who asks: what the engine needs of a principal. */
export type Asker = Parameters<QueryEngine['ask']>[0];

/** One flush of one organization, as the feed has taken it in. */
export interface Flush {
  readonly organization: OrganizationId;
  /** Starts of the minutes whose rows changed, ms since the epoch. */
  readonly minutesMs: readonly number[];
}

/** What this process knows of the flushes. */
export interface FlushFeed {
  /**
   * Equal versions mean: no flush in between touched a bucket of [fromMs, toMs), whichever process said them. Null: not known
   * (starting, cut off, fell behind); then nothing may be cached. Cheap: called for every question.
   */
  version(organization: OrganizationId, fromMs: number, toMs: number): string | null;
  /**
   * Resolves with true when every flush of the organization that was in the log at the time of the call has been taken in: what
   * `version` says then covers all that anybody was told to be visible before. False when that takes too long. Bounded; calls share
   * the question to the bus.
   */
  caughtUp(organization: OrganizationId): Promise<boolean>;
  /**
   * Called after each flush was taken in: what `version` says then includes it, and its rows are visible. Returns how to unsubscribe.
   * Listeners must not throw or block.
   */
  onFlush(listener: (flush: Flush) => void): () => void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface Answered {
  readonly answer: Answer;
  /** The answer as JSON: exactly what the entity tag is the hash of. */
  readonly json: string;
  /** A strong entity tag, quotes included. */
  readonly etag: string;
  /** `joined`: the same question was being answered already. `bypass`: the cache was not asked, or could not be (no version). */
  readonly source: 'cache' | 'engine' | 'joined' | 'bypass';
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  /** False: computed anew, and kept for others. Default true. */
  readonly useCache?: boolean;
}

export interface Answers {
  /**
   * Refuses what the engine refuses, cached or not. An aborted asker does not disturb the others of the same question.
   * @throws what the engine throws; the signal's reason. A cache that is away is a miss.
   */
  ask(asker: Asker, query: Query, options?: AskOptions): Promise<Answered>;
  /**
   * Forgets the organization's kept answers that hold a metric matching the pattern: a key of a metric in which `*` stands for any
   * text. Returns how many; an answer under way may still be kept.
   * @throws cache-unavailable
   */
  forget(organization: OrganizationId, pattern: string): Promise<number>;
  /** Computes the organization's hot answers anew in the background, one at a time; returns how many will be. */
  refresh(organization: OrganizationId): number;
  /** Stops the background work. Idempotent. */
  close(): Promise<void>;
}

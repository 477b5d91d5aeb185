/**
 * Answers over the engine, the cache and the feed of flushes. Why a kept answer is never older than the newest flush of the
 * buckets it read:
 *
 * - Before a question looks for a kept answer, the feed has caught up with all flushes that were announced when it was asked.
 * - Rows are visible before the flush that tells of them is announced. The version of the ranges is read BEFORE the engine begins, so
 *   an answer holds every row of every flush that its version covers.
 * - It is kept under that version. Whoever finds it has the same version, so knows of no newer flush of those ranges.
 * - Versions are offsets of the log of flushes: they mean the same in every process.
 * - What is kept is the answer to the question as it was resolved for its key, whatever is declared or set meanwhile.
 *
 * Flags and `completeThrough` of an answer belong to the progress it was computed with: it is kept under what it says itself.
 */
import type { Cache } from '@tidemark/cache';
import { type Answer, type Clock, completeThroughMs, type OrganizationId, type Query } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import type { QueryEngine } from '../engine.ts';
import type { QueryPipeline } from '../pipeline.ts';
import type { ResolvedQuery } from '../validate.ts';
import { answerKey, isClosed, questionText, rangesRead } from './answer-key.ts';
import { type HotQuestion, HotQuestions } from './hot-questions.ts';
import { CLOSED_TTL_MS, KeptAnswers, OPEN_TTL_MS, writeAnswer, type WrittenAnswer } from './kept-answers.ts';
import type { Answered, Answers, Asker, AskOptions, FlushFeed } from './port.ts';
import { SingleFlight } from './single-flight.ts';

/** Hot questions waiting to be answered ahead; more are dropped. */
const REFRESHES_WAITING_MAX = 200;

export interface AnswersOptions {
  readonly engine: Pick<QueryEngine, 'ask' | 'resolve'>;
  readonly feed: Pick<FlushFeed, 'caughtUp' | 'version' | 'onFlush'>;
  readonly cache: Pick<Cache, 'get' | 'set' | 'deleteByPrefix'>;
  /** The engine's own; `withRecentProgress`, or every hit costs a round trip. */
  readonly pipeline: Pick<QueryPipeline, 'progress'>;
  readonly eventsTopic: string;
  readonly allowedLatenessMs: number;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment'>;
}

export function createAnswers(options: AnswersOptions): Answers {
  return new EngineAnswers(options);
}

/** A question at the instant of asking. */
interface Asked {
  readonly asker: Asker;
  readonly query: Query;
  readonly nowMs: number;
  readonly resolved: ResolvedQuery;
  readonly text: string;
  readonly completeMs: number | null;
  /** Null: not known. */
  readonly versions: readonly string[] | null;
}

interface Found extends WrittenAnswer {
  readonly source: 'cache' | 'engine';
}

interface Refresh {
  readonly question: HotQuestion;
  /** Computed even if the kept answer is new, and however busy this process is. */
  readonly isWanted: boolean;
}

class EngineAnswers implements Answers {
  readonly #options: AnswersOptions;
  readonly #kept: KeptAnswers;
  readonly #hot: HotQuestions;
  readonly #flights = new SingleFlight<Found>();
  readonly #waiting = new Map<HotQuestion, Refresh>();
  readonly #closing = new AbortController();
  readonly #unsubscribe: () => void;
  /** Questions the engine works on now. */
  #computing = 0;
  #refreshing: Promise<void> | null = null;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#kept = new KeptAnswers(options);
    this.#hot = new HotQuestions(options.clock);
    this.#unsubscribe = options.feed.onFlush(({ organization }) => {
      this.#enqueue(this.#hot.takeDue(organization), false);
    });
  }

  async ask(asker: Asker, query: Query, options: AskOptions = {}): Promise<Answered> {
    const answered = await this.#ask(asker, query, { ...options, isCounted: true });
    this.#options.telemetry.increment('tidemark_gateway_answers_total', 1, { source: answered.source });
    return answered;
  }

  async forget(organization: OrganizationId, pattern: string): Promise<number> {
    return await this.#kept.forget(organization, pattern);
  }

  refresh(organization: OrganizationId): number {
    return this.#enqueue(this.#hot.of(organization), true);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#waiting.clear();
    this.#closing.abort();
    await this.#refreshing;
  }

  async #ask(
    asker: Asker,
    query: Query,
    { signal, useCache = true, isCounted }: AskOptions & { readonly isCounted: boolean },
  ): Promise<Answered> {
    signal?.throwIfAborted();
    const asked = await this.#prepare(asker, query, useCache);
    if (isCounted) this.#hot.asked(asked.text, { asker, query });
    if (asked.versions === null || !useCache) {
      return toAnswered(await this.#compute(asked, signal), 'bypass');
    }
    const key = keyOf(asked, asked.versions, asked.completeMs);
    const { outcome, joined } = await this.#flights.run(key, signal, async (abandoned) => {
      const written = await this.#kept.find(asker.organization, key);
      if (written !== null) return { ...written, source: 'cache' };
      return { ...(await this.#compute(asked, abandoned)), source: 'engine' };
    });
    return toAnswered(outcome, joined && outcome.source === 'engine' ? 'joined' : outcome.source);
  }

  /** @param useCache whether the versions must cover every flush until now, to be looked up by; any are right to keep an answer by */
  async #prepare(asker: Asker, query: Query, useCache: boolean): Promise<Asked> {
    const { engine, feed, clock, pipeline, eventsTopic, allowedLatenessMs } = this.#options;
    const nowMs = clock.nowMs();
    const resolved = await engine.resolve(asker, query, nowMs);
    const [progress, isCaughtUp] = await Promise.all([
      pipeline.progress(eventsTopic),
      useCache ? feed.caughtUp(asker.organization) : true,
    ]);
    const versions = rangesRead(resolved).map(({ fromMs, toMs }) =>
      feed.version(asker.organization, fromMs, toMs),
    );
    return {
      asker,
      query,
      nowMs,
      resolved,
      text: questionText(resolved),
      completeMs: completeThroughMs(
        progress.map(({ arrivedThroughMs }) => arrivedThroughMs),
        allowedLatenessMs,
      ),
      versions: isCaughtUp && versions.every((version) => version !== null) ? versions : null,
    };
  }

  /** Kept before it is given out, under the progress that the answer names. */
  async #compute(asked: Asked, signal: AbortSignal | undefined): Promise<WrittenAnswer> {
    const { asker, query, nowMs, versions, resolved } = asked;
    this.#computing += 1;
    const answer = await this.#options.engine
      .ask(asker, query, { nowMs, resolved, ...(signal !== undefined && { signal }) })
      .finally(() => {
        this.#computing -= 1;
      });
    const written = writeAnswer(answer);
    if (versions !== null) {
      const completeMs = answer.completeThrough === null ? null : Date.parse(answer.completeThrough);
      const ttlMs = isClosed(resolved, completeMs) ? CLOSED_TTL_MS : OPEN_TTL_MS;
      await this.#kept.keep(asker.organization, keyOf(asked, versions, completeMs), written, ttlMs);
    }
    return written;
  }

  /** Returns how many were taken in. */
  #enqueue(questions: readonly HotQuestion[], isWanted: boolean): number {
    const room = Math.max(0, REFRESHES_WAITING_MAX - this.#waiting.size);
    const taken = questions.slice(0, room);
    for (const question of taken) this.#waiting.set(question, { question, isWanted });
    this.#count('dropped', questions.length - taken.length);
    this.#refreshing ??= this.#refreshAll();
    return taken.length;
  }

  async #refreshAll(): Promise<void> {
    // Not before `#refreshing` says that this runs.
    await Promise.resolve();
    for (const [question, { isWanted }] of this.#waiting) {
      this.#waiting.delete(question);
      // Those who wait for an answer come first.
      if (!isWanted && this.#computing > 0) this.#count('dropped', 1);
      else await this.#refreshOne(question, isWanted);
    }
    this.#refreshing = null;
  }

  async #refreshOne({ asker, query }: HotQuestion, isWanted: boolean): Promise<void> {
    const { signal } = this.#closing;
    try {
      await this.#ask(asker, query, { signal, useCache: !isWanted, isCounted: false });
      this.#count('done', 1);
    } catch (error) {
      if (signal.aborted) return;
      this.#count('failed', 1);
      this.#options.log.warn({ err: error, organization: asker.organization }, 'a hot answer cannot be made');
    }
  }

  #count(outcome: 'done' | 'failed' | 'dropped', by: number): void {
    if (by > 0) this.#options.telemetry.increment('tidemark_gateway_answer_refreshes_total', by, { outcome });
  }
}

function keyOf(
  { asker, resolved, text }: Asked,
  versions: readonly string[],
  completeMs: number | null,
): string {
  return answerKey({ organization: asker.organization, resolved, text, versions, completeMs });
}

function toAnswered({ json, etag }: WrittenAnswer, source: Answered['source']): Answered {
  let parsed: Answer | null = null;
  return {
    json,
    etag,
    source,
    get answer() {
      parsed ??= JSON.parse(json) as Answer;
      return parsed;
    },
  };
}

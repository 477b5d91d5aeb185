/**
 * Questions that are followed, each asked once for all who follow it. A flush of minutes that an answer reads makes its question due;
 * it is asked the way every other question is, so the numbers are those of REST.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, OrganizationId, Query } from '@tidemark/core';
import { AppError, isAppError, SECOND_MS } from '@tidemark/core';
import type { Answers, Asker, Flush, FlushFeed, QueryEngine } from '@tidemark/query';
import { rangesRead } from '@tidemark/query';
import type { Logger, Telemetry } from '@tidemark/runtime';
import {
  ANSWERED_AT_ONCE_MAX,
  ANSWERED_AT_ONCE_PER_ORGANIZATION_MAX,
  FOLLOWERLESS_MS,
  HELD_BYTES_MAX,
  QUESTIONS_MAX,
  QUESTIONS_PER_ORGANIZATION_MAX,
} from './limits.ts';
import { isPassing } from './message.ts';
import { LiveQuestion } from './question.ts';
import { Subscriber } from './subscriber.ts';

/** Subscribers told in one go: between two goes everything else has its turn. */
const TOLD_AT_ONCE_MAX = 250;
/** How long it sleeps when nothing is due. */
const IDLE_MS = SECOND_MS;
const NO_ROOM_RETRY_SECONDS = 10;

export interface LiveHubOptions {
  readonly answers: Pick<Answers, 'ask'>;
  readonly engine: Pick<QueryEngine, 'resolve'>;
  readonly feed: Pick<FlushFeed, 'onFlush'>;
  /** Unique to this run of this process: tokens of other processes name nothing here. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
  readonly telemetry: Pick<Telemetry, 'increment' | 'set' | 'observe'>;
}

export interface SubscribeOptions {
  readonly intervalMs: number | null;
  /** Of an earlier subscription to the same question; anything else is passed over. */
  readonly resume: string | null;
  readonly wake: () => void;
}

export interface LiveHub {
  /** @throws what the question is refused with; overloaded when there is no room for another one */
  subscribe(asker: Asker, query: Query, options: SubscribeOptions): Promise<Subscriber>;
  /** Idempotent. */
  unsubscribe(subscriber: Subscriber): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export function createLiveHub(options: LiveHubOptions): LiveHub {
  return new QuestionHub(options);
}

class QuestionHub implements LiveHub {
  readonly #options: LiveHubOptions;
  readonly #questions = new Map<string, LiveQuestion>();
  /** Of each organization that is being answered: how many of its questions. */
  readonly #asking = new Map<OrganizationId, number>();
  /** When an organization was served last, as a serial number: those served longest ago come first. */
  readonly #served = new Map<OrganizationId, number>();
  readonly #closing = new AbortController();
  readonly #stopFollowing: () => void;
  /** Null while no question is held. */
  #running: Promise<void> | null = null;
  #underWay = new Set<Promise<void>>();
  #asleep = new AbortController();
  #serial = 0;

  constructor(options: LiveHubOptions) {
    this.#options = options;
    this.#stopFollowing = options.feed.onFlush((flush) => this.#takeIn(flush));
  }

  async subscribe(asker: Asker, query: Query, options: SubscribeOptions): Promise<Subscriber> {
    const { clock, engine } = this.#options;
    if (query.cursor !== undefined) {
      const detail = 'names a page of an answer of the past: the live feed follows the first page';
      throw new AppError('invalid-query', `/cursor ${detail}`, {
        faults: [{ code: 'invalid-query', pointer: '/cursor', detail }],
      });
    }
    // Whoever may not ask does not get the answer that others are given.
    await engine.resolve(asker, query, clock.nowMs());
    const question = this.#questionOf(asker, query);
    const { intervalMs, resume, wake } = options;
    const heldSequence = resume === null ? null : question.sequenceOf(resume);
    const subscriber = new Subscriber({ question, intervalMs, heldSequence, nowMs: clock.nowMs(), wake });
    if (question.failure !== null) subscriber.noteFailure(question.failure, false);
    question.follow(subscriber);
    this.#running ??= this.#run();
    this.#wake();
    return subscriber;
  }

  unsubscribe(subscriber: Subscriber): void {
    subscriber.question.unfollow(subscriber, this.#options.clock.nowMs());
  }

  async close(): Promise<void> {
    this.#stopFollowing();
    this.#closing.abort();
    this.#wake();
    await this.#running;
    await Promise.all(this.#underWay);
  }

  /** @throws overloaded */
  #questionOf(asker: Asker, query: Query): LiveQuestion {
    const { organization, role } = asker;
    // Two who may both ask it get the same answer; the role is in it so that nothing depends on that alone.
    const key = JSON.stringify([organization, role, canonical(query)]);
    const known = this.#questions.get(key);
    if (known !== undefined) return known;
    this.#makeRoom(organization);
    this.#serial += 1;
    const name = `${this.#options.instance}.${this.#serial}`;
    const nowMs = this.#options.clock.nowMs();
    const question = new LiveQuestion({ key, name, asker, query, nowMs });
    this.#questions.set(key, question);
    this.#options.telemetry.set('tidemark_gateway_live_questions', this.#questions.size);
    return question;
  }

  /** Those that nobody follows go, the longest left first. @throws overloaded */
  #makeRoom(organization: OrganizationId): void {
    const all = [...this.#questions.values()];
    const own = all.filter((question) => question.organization === organization);
    const isFullOfOwn = own.length >= QUESTIONS_PER_ORGANIZATION_MAX;
    if (!isFullOfOwn && all.length < QUESTIONS_MAX && this.#heldBytes() < HELD_BYTES_MAX) return;
    const free = (isFullOfOwn ? own : all)
      .filter(({ followerlessSinceMs, isBeingAsked }) => followerlessSinceMs !== null && !isBeingAsked)
      .toSorted((a, b) => (a.followerlessSinceMs ?? 0) - (b.followerlessSinceMs ?? 0));
    const [oldest] = free;
    if (oldest === undefined) {
      const whose = isFullOfOwn ? 'the organization follows' : 'this gateway follows';
      throw new AppError('overloaded', `${whose} too many different questions already`, {
        retryAfterSeconds: NO_ROOM_RETRY_SECONDS,
      });
    }
    this.#questions.delete(oldest.key);
    this.#makeRoom(organization);
  }

  #heldBytes(): number {
    let bytes = 0;
    for (const question of this.#questions.values()) bytes += question.bytes;
    return bytes;
  }

  #takeIn({ organization, minutesMs }: Flush): void {
    const nowMs = this.#options.clock.nowMs();
    for (const question of this.#questions.values()) {
      if (question.organization !== organization || question.subscribers.size === 0) continue;
      if (question.flushedAtMs !== null && !question.isBeingAsked) continue;
      if (!question.isTouched(minutesMs, nowMs)) continue;
      question.markDirty();
      question.flushedAtMs ??= nowMs;
    }
    this.#wake();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#questions.size > 0) {
      this.#asleep = new AbortController();
      let waitMs = IDLE_MS;
      try {
        this.#forget();
        waitMs = this.#startDue();
      } catch (error) {
        log.error({ err: error }, 'the live feed stumbled; it goes on');
      }
      await clock.sleep(waitMs, this.#asleep.signal);
    }
    this.#running = null;
  }

  #wake(): void {
    this.#asleep.abort();
  }

  #forget(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, { followerlessSinceMs, isBeingAsked }] of this.#questions) {
      if (followerlessSinceMs === null || isBeingAsked) continue;
      if (nowMs - followerlessSinceMs >= FOLLOWERLESS_MS) this.#questions.delete(key);
    }
    for (const [organization] of this.#served) {
      if (![...this.#questions.values()].some((question) => question.organization === organization)) {
        this.#served.delete(organization);
      }
    }
    this.#options.telemetry.set('tidemark_gateway_live_questions', this.#questions.size);
  }

  /** Returns how long nothing else will be due. */
  #startDue(): number {
    const nowMs = this.#options.clock.nowMs();
    for (;;) {
      if (this.#underWay.size >= ANSWERED_AT_ONCE_MAX) return IDLE_MS;
      let next: LiveQuestion | null = null;
      let waitMs = IDLE_MS;
      for (const question of this.#questions.values()) {
        const { dueAtMs, organization } = question;
        if ((this.#asking.get(organization) ?? 0) >= ANSWERED_AT_ONCE_PER_ORGANIZATION_MAX) continue;
        if (dueAtMs > nowMs) waitMs = Math.min(waitMs, dueAtMs - nowMs);
        else if (next === null || this.#isBefore(question, next)) next = question;
      }
      if (next === null) return waitMs;
      this.#start(next);
    }
  }

  #isBefore(a: LiveQuestion, b: LiveQuestion): boolean {
    const turn = (this.#served.get(a.organization) ?? 0) - (this.#served.get(b.organization) ?? 0);
    return turn === 0 ? a.dueAtMs < b.dueAtMs : turn < 0;
  }

  #start(question: LiveQuestion): void {
    const { organization } = question;
    this.#serial += 1;
    this.#served.set(organization, this.#serial);
    this.#asking.set(organization, (this.#asking.get(organization) ?? 0) + 1);
    const work = this.#ask(question).finally(() => {
      this.#underWay.delete(work);
      const left = (this.#asking.get(organization) ?? 0) - 1;
      if (left > 0) this.#asking.set(organization, left);
      else this.#asking.delete(organization);
      this.#wake();
    });
    this.#underWay.add(work);
  }

  /** Never rejects. */
  async #ask(question: LiveQuestion): Promise<void> {
    const { answers, engine, clock, telemetry } = this.#options;
    const { signal } = this.#closing;
    const { flushedAtMs, asker, query } = question;
    question.beginAsking(clock.nowMs());
    question.flushedAtMs = null;
    try {
      question.setRanges(rangesRead(await engine.resolve(asker, query, clock.nowMs())));
      const outcome = question.endAsking(await answers.ask(asker, query, { signal }));
      telemetry.increment('tidemark_gateway_live_answers_total', 1, { outcome });
      await this.#tell(question);
      if (flushedAtMs === null || outcome === 'same') return;
      telemetry.observe('tidemark_gateway_live_update_seconds', (clock.nowMs() - flushedAtMs) / SECOND_MS);
    } catch (error) {
      if (signal.aborted) return;
      telemetry.increment('tidemark_gateway_live_answers_total', 1, { outcome: 'failed' });
      await this.#tellFailure(question, error);
    }
  }

  /** A failure that passes is told once; any other ends the subscriptions. */
  async #tellFailure(question: LiveQuestion, error: unknown): Promise<void> {
    const isFirst = question.failAsking(error, this.#options.clock.nowMs());
    if (!isAppError(error)) this.#options.log.error({ err: error }, 'a live question failed');
    if (isPassing(error)) {
      if (!isFirst) return;
      for (const subscriber of question.subscribers) subscriber.noteFailure(error, false);
      await this.#tell(question);
      return;
    }
    this.#questions.delete(question.key);
    for (const subscriber of question.subscribers) subscriber.noteFailure(error, true);
    await this.#tell(question);
  }

  async #tell({ subscribers }: LiveQuestion): Promise<void> {
    let told = 0;
    for (const subscriber of subscribers) {
      subscriber.wake();
      told += 1;
      if (told % TOLD_AT_ONCE_MAX === 0) await nextTurn();
    }
  }
}

/** Equal questions are equal texts, whatever the order of their members. */
function canonical(query: Query): string {
  return JSON.stringify(query, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

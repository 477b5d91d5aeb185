/** One question that some follow: its newest answer, the last updates, and when it is due to be asked again. */
import type { Answer, OrganizationId, Query } from '@tidemark/core';
import { AppError, changesBetween, MINUTE_MS } from '@tidemark/core';
import type { Answered, Asker } from '@tidemark/query';
import {
  ANSWER_BYTES_MAX,
  COALESCE_MS,
  KEPT_UPDATES_BYTES_MAX,
  KEPT_UPDATES_MAX,
  REFRESH_MS,
  RETRY_MS,
  RETRY_MS_MAX,
  WHOLE_ANSWER_BYTES_MAX,
} from './limits.ts';
import { LiveMessage } from './message.ts';

/** One who follows a question. */
export interface Follower {
  /** Of periodic answers; null: none. */
  readonly intervalMs: number | null;
  /** Called when there may be something to take; must not throw or block. */
  readonly wake: () => void;
  /** Marks the periodic answer due that belongs to an asking at the instant. */
  noteAnswered(askedAtMs: number): void;
  /** @param isOver nothing comes after it */
  noteFailure(error: unknown, isOver: boolean): void;
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Changes at least this part of the whole answer are not worth applying. */
const CHANGES_SHARE_MAX = 0.5;

export class LiveQuestion {
  readonly organization: OrganizationId;
  readonly key: string;
  readonly asker: Asker;
  readonly query: Query;
  isBeingAsked = false;
  /** When the oldest flush was taken in that no answer holds yet; null: there is none. */
  flushedAtMs: number | null = null;
  /** Since when nobody follows it; null: somebody does. */
  followerlessSinceMs: number | null;
  /** Nobody followed it until now: what it holds is for those who come back, not for others. */
  isStale = true;
  /** What the last asking failed with; null: it did not. */
  failure: unknown = null;
  /** Of the newest answer; 0: there is none yet. */
  sequence = 0;
  readonly #name: string;
  readonly #subscribers = new Set<Follower>();
  /** How many have periodic updates so far apart. */
  readonly #intervals = new Map<number, number>();
  #ranges: readonly Range[] | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isDirty = true;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #json = '';
  #bytes = 0;
  #etag = '';
  /** The newest last; that of `sequence` is the last. */
  #updates: LiveMessage[] = [];
  #updatesBytes = 0;
  readonly #wholes = new Map<string, LiveMessage>();

  /** @param name no other question, of this or another process, ever had it */
  constructor(options: {
    readonly key: string;
    readonly name: string;
    readonly asker: Asker;
    readonly query: Query;
    readonly nowMs: number;
  }) {
    this.key = options.key;
    this.#name = options.name;
    this.asker = options.asker;
    this.organization = options.asker.organization;
    this.query = options.query;
    this.followerlessSinceMs = options.nowMs;
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#bytes + this.#updatesBytes;
  }

  get subscribers(): ReadonlySet<Follower> {
    return this.#subscribers;
  }

  follow(subscriber: Follower): void {
    this.#subscribers.add(subscriber);
    const { intervalMs } = subscriber;
    if (intervalMs !== null) this.#intervals.set(intervalMs, (this.#intervals.get(intervalMs) ?? 0) + 1);
    if (this.followerlessSinceMs === null) return;
    this.followerlessSinceMs = null;
    this.isStale = true;
    this.#isDirty = true;
  }

  /** Nothing happens when they do not follow. */
  unfollow(subscriber: Follower, nowMs: number): void {
    if (!this.#subscribers.delete(subscriber)) return;
    const { intervalMs } = subscriber;
    const left = intervalMs === null ? 0 : (this.#intervals.get(intervalMs) ?? 0) - 1;
    if (intervalMs !== null && left > 0) this.#intervals.set(intervalMs, left);
    else if (intervalMs !== null) this.#intervals.delete(intervalMs);
    if (this.#subscribers.size > 0) return;
    this.followerlessSinceMs = nowMs;
    this.flushedAtMs = null;
  }

  /** When it is to be asked next; Infinity while nobody follows it or it is being asked. */
  get dueAtMs(): number {
    if (this.isBeingAsked || this.#subscribers.size === 0) return Number.POSITIVE_INFINITY;
    const earliestMs = Math.max(this.#askedAtMs + COALESCE_MS, this.#retryAtMs);
    if (this.#isDirty) return earliestMs;
    let dueMs = this.#askedAtMs + REFRESH_MS;
    for (const intervalMs of this.#intervals.keys()) {
      dueMs = Math.min(dueMs, (Math.floor(this.#askedAtMs / intervalMs) + 1) * intervalMs);
    }
    return Math.max(dueMs, earliestMs);
  }

  markDirty(): void {
    this.#isDirty = true;
  }

  /** Whether rows of one of the minutes may count in the answer. While its ranges are not known, they may. */
  isTouched(minutesMs: readonly number[], nowMs: number): boolean {
    if (this.#ranges === null) return true;
    // A range that ends at a relative instant has moved since then, by no more than the time that has passed and its rounding.
    const movedMs = this.query.to.startsWith('now') ? Math.max(0, nowMs - this.#askedAtMs) + MINUTE_MS : 0;
    return this.#ranges.some(({ fromMs, toMs }) =>
      minutesMs.some((minuteMs) => minuteMs + MINUTE_MS > fromMs && minuteMs < toMs + movedMs),
    );
  }

  beginAsking(nowMs: number): void {
    this.isBeingAsked = true;
    this.#isDirty = false;
    this.#askedAtMs = nowMs;
  }

  /** Called before the question is answered: flushes from now on are held to these. */
  setRanges(ranges: readonly Range[]): void {
    this.#ranges = ranges;
  }

  /** @throws query-too-expensive when the answer is too large to be followed */
  endAsking({ json, etag }: Pick<Answered, 'json' | 'etag'>): 'changed' | 'same' {
    this.isBeingAsked = false;
    const bytes = Buffer.byteLength(json);
    if (bytes > ANSWER_BYTES_MAX) {
      throw new AppError(
        'query-too-expensive',
        `the answer is larger than ${ANSWER_BYTES_MAX} bytes, too large to be followed: ask for fewer groups, a shorter range or a coarser granularity`,
      );
    }
    this.#failures = 0;
    this.failure = null;
    this.isStale = false;
    for (const subscriber of this.#subscribers) subscriber.noteAnswered(this.#askedAtMs);
    if (etag === this.#etag) return 'same';
    const before = this.#json;
    this.sequence += 1;
    this.#json = json;
    this.#bytes = bytes;
    this.#etag = etag;
    this.#wholes.clear();
    if (this.sequence > 1) this.#keep(this.#updateOf(before));
    return 'changed';
  }

  /** Returns whether it is the first failure in a row. */
  failAsking(failure: unknown, nowMs: number): boolean {
    this.isBeingAsked = false;
    this.failure = failure;
    this.#isDirty = true;
    this.#retryAtMs = nowMs + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    return this.#failures === 1;
  }

  /** The update to `sequence + 1`; null when the whole answer is the shorter way from there, or the only one. */
  updateAfter(sequence: number): LiveMessage | null {
    const missing = this.sequence - sequence;
    if (missing < 1 || missing > this.#updates.length) return null;
    const updates = this.#updates.slice(-missing);
    const [first = null] = updates;
    if (missing === 1) return first;
    const bytes = updates.reduce((sum, update) => sum + update.bytes, 0);
    return bytes <= this.#bytes ? first : null;
  }

  whole(type: 'subscription_data' | 'periodic_update' | 'metric_update'): LiveMessage {
    const known = this.#wholes.get(type) ?? this.#message(type, { answer: this.#json });
    this.#wholes.set(type, known);
    return known;
  }

  /** That the client goes on from the sequence. */
  resumedAt(sequence: number): LiveMessage {
    return this.#message('subscription_data', { resumed: 'true' }, sequence);
  }

  /** The sequence that a resume token of this question names; null for any other text. */
  sequenceOf(token: string): number | null {
    const [, name, digits] = /^(.+)\.(\d{1,15})$/.exec(token) ?? [];
    const sequence = Number(digits);
    return name === this.#name && sequence >= 1 && sequence <= this.sequence ? sequence : null;
  }

  #message(type: LiveMessage['type'], members: Readonly<Record<string, string>>, sequence = this.sequence) {
    return new LiveMessage(type, { sequence: String(sequence), ...members }, `${this.#name}.${sequence}`);
  }

  #updateOf(before: string): LiveMessage {
    if (this.#bytes > WHOLE_ANSWER_BYTES_MAX) {
      const [old, young] = [before, this.#json].map((json) => JSON.parse(json) as Answer) as [Answer, Answer];
      const changes = JSON.stringify(changesBetween(old, young));
      if (changes.length < this.#json.length * CHANGES_SHARE_MAX)
        return this.#message('metric_update', { changes });
    }
    return this.#message('metric_update', { answer: this.#json });
  }

  #keep(update: LiveMessage): void {
    this.#updates.at(-1)?.forgetFrames();
    this.#updates.push(update);
    this.#updatesBytes += update.bytes;
    while (
      this.#updates.length > 1 &&
      (this.#updates.length > KEPT_UPDATES_MAX || this.#updatesBytes > KEPT_UPDATES_BYTES_MAX)
    ) {
      this.#updatesBytes -= this.#updates.shift()?.bytes ?? 0;
    }
  }
}

/** Answers in the cache: written once, read as they were written, lost without harm. */
import type { Cache } from '@tidemark/cache';
import {
  type Answer,
  type Clock,
  isAppError,
  MINUTE_MS,
  type OrganizationId,
  SECOND_MS,
} from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { keyPrefix, metricsOfKey, sha256 } from './answer-key.ts';

/** Of a closed range: a late event changes its version at once, so this bounds only what nobody asks for any more. */
export const CLOSED_TTL_MS = 10 * MINUTE_MS;
/** Of a range that is open: its key is left behind within a minute. */
export const OPEN_TTL_MS = 2 * MINUTE_MS;
/** Larger answers are computed each time: they would push out hundreds of others. */
export const KEPT_BYTES_MAX = 1024 * 1024;
/** A cache that fails is left alone for so long: each question would wait for it. */
const AWAY_MS = SECOND_MS;

/** An answer as it goes out. */
export interface WrittenAnswer {
  readonly json: string;
  /** Strong, with its quotes. */
  readonly etag: string;
}

export function writeAnswer(answer: Answer): WrittenAnswer {
  const json = JSON.stringify(answer);
  return { json, etag: `"${sha256(json)}"` };
}

export interface KeptAnswersOptions {
  readonly cache: Pick<Cache, 'get' | 'set' | 'deleteByPrefix'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment'>;
}

export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** Null when there is none, or the cache is away. */
  async find(organization: OrganizationId, key: string): Promise<WrittenAnswer | null> {
    const stored = await this.#attempt('get', () => this.#options.cache.get(key));
    if (stored === null) return null;
    const parsed = parseStored(stored);
    if (parsed?.organization === organization) return parsed.written;
    this.#options.telemetry.increment('tidemark_gateway_answer_cache_failures_total', 1, {
      operation: 'foreign',
    });
    this.#options.log.warn({ organization, key }, 'the cache holds something else where an answer should be');
    return null;
  }

  /** Never rejects. */
  async keep(
    organization: OrganizationId,
    key: string,
    written: WrittenAnswer,
    ttlMs: number,
  ): Promise<void> {
    const { cache, telemetry } = this.#options;
    const stored = `${JSON.stringify([organization, written.etag])}\n${written.json}`;
    const bytes = Buffer.byteLength(stored);
    if (bytes > KEPT_BYTES_MAX) {
      telemetry.increment('tidemark_gateway_answers_unkept_total');
      return;
    }
    const isKept = await this.#attempt('set', async () => {
      await cache.set(key, stored, ttlMs);
      return true;
    });
    if (isKept !== null) telemetry.increment('tidemark_gateway_answer_kept_bytes_total', bytes);
  }

  /** @param pattern of keys of metrics, `*` for any text. @throws cache-unavailable */
  async forget(organization: OrganizationId, pattern: string): Promise<number> {
    return await this.#options.cache.deleteByPrefix(keyPrefix(organization), (key) =>
      metricsOfKey(key).some((metric) => isMatch(pattern, metric)),
    );
  }

  async #attempt<T>(operation: 'get' | 'set', work: () => Promise<T>): Promise<T | null> {
    const { clock, telemetry, log } = this.#options;
    if (clock.nowMs() < this.#awayUntilMs) return null;
    try {
      return await work();
    } catch (error) {
      if (!isAppError(error, 'cache-unavailable')) throw error;
      this.#awayUntilMs = clock.nowMs() + AWAY_MS;
      telemetry.increment('tidemark_gateway_answer_cache_failures_total', 1, { operation });
      log.warn({ err: error, operation }, 'the cache of answers is away; questions go to the warehouse');
      return null;
    }
  }
}

/** `*` stands for any text, also none; in time linear to both. */
function isMatch(pattern: string, text: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at + last.length <= text.length;
}

/** The first line says whose the rest is. */
function parseStored(stored: string): { organization: unknown; written: WrittenAnswer } | null {
  const end = stored.indexOf('\n');
  try {
    const [organization, etag] = JSON.parse(stored.slice(0, end)) as unknown[];
    if (typeof etag !== 'string') return null;
    return { organization, written: { etag, json: stored.slice(end + 1) } };
  } catch {
    return null;
  }
}

import { type Clock, MINUTE_MS, type OrganizationId, type Query, SECOND_MS } from '@tidemark/core';
import type { Asker } from './port.ts';

/** A question asked so often in a minute is hot. */
export const HOT_ASKS_PER_MINUTE = 10;
/** Questions counted of one organization, and organizations: those not asked for longest go first. */
const QUESTIONS_MAX = 100;
const ORGANIZATIONS_MAX = 1_000;
/** A hot answer is made anew at most this often, however often its buckets are flushed. */
const REFRESH_INTERVAL_MS = SECOND_MS;

export interface HotQuestion {
  readonly asker: Asker;
  readonly query: Query;
}

interface Counted extends HotQuestion {
  /** Of the minute that began at `minuteMs`, and of the one before. */
  asks: number;
  asksBefore: number;
  minuteMs: number;
  refreshedAtMs: number;
}

/** Which questions are asked again and again: equal but for the instant, and to principals who see the same. */
export class HotQuestions {
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** The least recently asked first, at both levels. */
  readonly #byOrganization = new Map<OrganizationId, Map<string, Counted>>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** @param text of the question as it was resolved, without its time */
  asked(text: string, question: HotQuestion): void {
    const { organization } = question.asker;
    const { from, to } = question.query;
    const id = JSON.stringify([text, from, to]);
    const questions = this.#byOrganization.get(organization) ?? new Map<string, Counted>();
    const minuteMs = this.#minuteMs();
    const counted = questions.get(id) ?? {
      ...question,
      asks: 0,
      asksBefore: 0,
      minuteMs,
      refreshedAtMs: Number.NEGATIVE_INFINITY,
    };
    turn(counted, minuteMs);
    counted.asks += 1;
    putLast(questions, id, counted, QUESTIONS_MAX);
    putLast(this.#byOrganization, organization, questions, ORGANIZATIONS_MAX);
  }

  /** Those hot now. */
  of(organization: OrganizationId): readonly HotQuestion[] {
    return this.#hot(organization);
  }

  /** Those hot now and not taken for a while; they count as taken from now on. */
  takeDue(organization: OrganizationId): readonly HotQuestion[] {
    const nowMs = this.#clock.nowMs();
    const due = this.#hot(organization).filter(
      ({ refreshedAtMs }) => nowMs - refreshedAtMs >= REFRESH_INTERVAL_MS,
    );
    for (const counted of due) counted.refreshedAtMs = nowMs;
    return due;
  }

  #hot(organization: OrganizationId): readonly Counted[] {
    const minuteMs = this.#minuteMs();
    const passed = (this.#clock.nowMs() - minuteMs) / MINUTE_MS;
    return [...(this.#byOrganization.get(organization)?.values() ?? [])].filter((counted) => {
      turn(counted, minuteMs);
      return counted.asks + counted.asksBefore * (1 - passed) >= HOT_ASKS_PER_MINUTE;
    });
  }

  #minuteMs(): number {
    return Math.floor(this.#clock.nowMs() / MINUTE_MS) * MINUTE_MS;
  }
}

function turn(counted: Counted, minuteMs: number): void {
  if (counted.minuteMs === minuteMs) return;
  counted.asksBefore = minuteMs - counted.minuteMs === MINUTE_MS ? counted.asks : 0;
  counted.asks = 0;
  counted.minuteMs = minuteMs;
}

function putLast<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

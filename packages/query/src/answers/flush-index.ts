/** Which flush touched which minutes last, of the organizations of one partition of the flush topic; in bounded memory. */
import { DAY_MS, MINUTE_MS, type OrganizationId } from '@tidemark/core';

/** Days and minutes kept apart for one organization: two weeks in which every minute is flushed. */
const ORGANIZATION_ENTRIES_MAX = 20_000;

interface Day {
  /** Of the newest flush of any of its minutes. */
  newest: number;
  /** Of the minutes that are not told apart (any more). */
  rest: number;
  readonly minutes: Map<number, number>;
}

interface Known {
  /** Of the days that are not told apart (any more). */
  rest: number;
  newest: number;
  entries: number;
  /** By start; the least recently flushed first. */
  readonly days: Map<number, Day>;
}

/**
 * A *mark* is the offset after a flush. The mark of a range is the greatest of the flushes that touched it, or where this index
 * begins if none is known: every flush of the range that was taken in lies before it. Since offsets only grow, a flush that
 * touches the range raises its mark. Where memory ends, minutes are told apart no longer, then days, then organizations: marks may
 * then be too high, which costs hits and never makes a stale one.
 */
export class FlushIndex {
  readonly #organizationEntriesMax: number;
  readonly #entriesMax: number;
  /** The least recently flushed first. */
  readonly #known = new Map<OrganizationId, Known>();
  #rest: number;
  #entries = 0;

  /** @param beginOffset the first flush to be taken in; nothing is known of those before */
  constructor(
    beginOffset: number,
    limits: { readonly entriesMax: number; readonly organizationEntriesMax?: number },
  ) {
    this.#rest = beginOffset;
    this.#entriesMax = limits.entriesMax;
    const wanted = limits.organizationEntriesMax ?? ORGANIZATION_ENTRIES_MAX;
    this.#organizationEntriesMax = Math.min(wanted, Math.ceil(limits.entriesMax / 2));
  }

  /** Days, minutes and organizations held now. */
  get entries(): number {
    return this.#entries;
  }

  /** In the order of offsets. */
  take(organization: OrganizationId, offset: number, minutesMs: readonly number[]): void {
    const mark = offset + 1;
    const known = this.#known.get(organization) ?? this.#addOrganization();
    this.#known.delete(organization);
    this.#known.set(organization, known);
    known.newest = mark;
    for (const ms of minutesMs) this.#touch(known, Math.floor(ms / MINUTE_MS) * MINUTE_MS, mark);
    while (known.entries > this.#organizationEntriesMax) this.#forgetDay(known);
    while (this.#entries > this.#entriesMax) this.#forgetOrganization();
  }

  /** What lies before the offset may have touched anything. */
  takeUnknown(offset: number): void {
    this.#rest = Math.max(this.#rest, offset + 1);
  }

  /** The mark of [fromMs, toMs). */
  markOf(organization: OrganizationId, fromMs: number, toMs: number): number {
    const known = this.#known.get(organization);
    if (known === undefined) return this.#rest;
    let mark = Math.max(this.#rest, known.rest);
    for (const [startMs, day] of daysWithin(known.days, fromMs, toMs)) {
      const isWhole = fromMs <= startMs && startMs + DAY_MS <= toMs;
      mark = Math.max(mark, isWhole ? day.newest : newestWithin(day, fromMs, toMs));
    }
    return mark;
  }

  #addOrganization(): Known {
    this.#entries += 1;
    return { rest: this.#rest, newest: this.#rest, entries: 1, days: new Map() };
  }

  #touch(known: Known, minuteMs: number, mark: number): void {
    const dayMs = Math.floor(minuteMs / DAY_MS) * DAY_MS;
    const day = known.days.get(dayMs) ?? { newest: 0, rest: 0, minutes: new Map<number, number>() };
    if (known.days.delete(dayMs)) this.#count(known, -1);
    known.days.set(dayMs, day);
    this.#count(known, day.minutes.has(minuteMs) ? 1 : 2);
    day.minutes.set(minuteMs, mark);
    day.newest = mark;
  }

  /** The minutes of the least recently flushed day become one; once all have, that day joins the rest. */
  #forgetDay(known: Known): void {
    for (const day of known.days.values()) {
      if (day.minutes.size === 0) continue;
      this.#count(known, -day.minutes.size);
      day.minutes.clear();
      day.rest = day.newest;
      return;
    }
    for (const [dayMs, day] of known.days) {
      known.days.delete(dayMs);
      this.#count(known, -1);
      known.rest = Math.max(known.rest, day.newest);
      return;
    }
  }

  #forgetOrganization(): void {
    for (const [organization, known] of this.#known) {
      this.#known.delete(organization);
      this.#entries -= known.entries;
      this.#rest = Math.max(this.#rest, known.newest);
      return;
    }
  }

  #count(known: Known, by: number): void {
    known.entries += by;
    this.#entries += by;
  }
}

/** Those that overlap [fromMs, toMs), by the shorter way. */
function* daysWithin(
  days: ReadonlyMap<number, Day>,
  fromMs: number,
  toMs: number,
): Generator<readonly [number, Day]> {
  const firstMs = Math.floor(fromMs / DAY_MS) * DAY_MS;
  if ((toMs - firstMs) / DAY_MS <= days.size) {
    for (let startMs = firstMs; startMs < toMs; startMs += DAY_MS) {
      const day = days.get(startMs);
      if (day !== undefined) yield [startMs, day];
    }
    return;
  }
  for (const entry of days) if (entry[0] < toMs && entry[0] + DAY_MS > fromMs) yield entry;
}

function newestWithin({ rest, minutes }: Day, fromMs: number, toMs: number): number {
  let newest = rest;
  for (const [minuteMs, mark] of minutes) {
    if (minuteMs < toMs && minuteMs + MINUTE_MS > fromMs && mark > newest) newest = mark;
  }
  return newest;
}

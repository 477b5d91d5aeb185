/**
 * The oracle of metrics over states: subjects and answers computed from a list of events by loops. It shares with the engine only
 * the calendar and decimal division.
 */
import {
  bucketBoundaries,
  comparisonShift,
  type MetricValue,
  type Query,
  shiftBack,
  toDecimal,
} from '@tidemark/core';
import { DESK_TARGETS } from './desk-pack.ts';

type Decimal = ReturnType<typeof toDecimal>;

export interface DeskEvent {
  readonly type: 'ticket.opened' | 'ticket.changed' | 'call.ended';
  readonly id: string;
  /** RFC 3339 with nine decimals: sorts as the time does. */
  readonly time: string;
  readonly ticket: string;
  readonly status: string;
  readonly priority: string;
  readonly agent: string;
  readonly cost: string;
  readonly due: string;
}

/** Attributes as text, '' when nothing was told. */
export interface DeskTicket {
  readonly id: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export function foldTickets(events: readonly DeskEvent[]): DeskTicket[] {
  const byTicket = new Map<string, DeskEvent[]>();
  for (const event of events.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))) {
    if (event.ticket !== '') byTicket.set(event.ticket, [...(byTicket.get(event.ticket) ?? []), event]);
  }
  return [...byTicket].map(([id, told]) => {
    const first = (of: (event: DeskEvent) => string) => told.map(of).find((text) => text !== '') ?? '';
    const last = (of: (event: DeskEvent) => string) => told.map(of).findLast((text) => text !== '') ?? '';
    return {
      id,
      firstSeen: told[0]?.time ?? '',
      lastSeen: told.at(-1)?.time ?? '',
      attributes: {
        status: last(({ status }) => status),
        first_status: first(({ status }) => status),
        priority: last(({ priority }) => priority),
        agent: last(({ agent }) => agent),
        cost: last(({ cost }) => cost),
        created: first(({ type, time }) => (type === 'ticket.opened' ? time : '')),
        resolved: last(({ type, status, time }) =>
          type === 'ticket.changed' && status === 'done' ? time : '',
        ),
        due: last(({ due }) => due),
      },
    };
  });
}

function orderOf({ time, id }: DeskEvent): string {
  return `${time}\0${id}`;
}

/** Nanoseconds; null when it is no instant with an offset. */
function nanosOf(text: string): bigint | null {
  const match = /^(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  return Number.isNaN(ms) ? null : BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

const attributeOf = (ticket: DeskTicket, key: string) => ticket.attributes[key] ?? '';
const msOf = (ticket: DeskTicket, key: string) => {
  const nanos = nanosOf(attributeOf(ticket, key));
  return nanos === null ? null : Number(nanos / 1_000_000n);
};
const cost = (ticket: DeskTicket): Decimal | null => {
  const text = attributeOf(ticket, 'cost');
  return /^-?\d+(\.\d+)?$/.test(text) ? toDecimal(text) : null;
};
const age = (ticket: DeskTicket): Decimal | null => {
  const [since, until] = [nanosOf(attributeOf(ticket, 'created')), nanosOf(attributeOf(ticket, 'resolved'))];
  if (since === null || until === null || until < since) return null;
  return toDecimal((until - since).toString()).dividedBy(60e9);
};
const valuesOf = (tickets: readonly DeskTicket[], of: (ticket: DeskTicket) => Decimal | null) =>
  tickets.flatMap((ticket) => of(ticket) ?? []).toSorted((a, b) => a.comparedTo(b));
const sum = (values: readonly Decimal[]) =>
  values.length === 0 ? null : values.reduce((total, value) => total.plus(value), toDecimal(0));
const mean = (values: readonly Decimal[]) => sum(values)?.dividedBy(values.length) ?? null;
const quantile = (values: readonly Decimal[], level: number) =>
  values[Math.min(values.length - 1, Math.floor(level * values.length))] ?? null;
const distinct = (texts: readonly string[]) => new Set(texts.filter((text) => text !== '')).size;

interface StateFold {
  readonly at: string;
  readonly counting?: true;
  readonly money?: true;
  readonly keep?: (ticket: DeskTicket) => boolean;
  readonly value: (tickets: readonly DeskTicket[], targets: Query['targets']) => Decimal | null;
}

const created = (value: StateFold['value'], rest: Partial<StateFold> = {}): StateFold => ({
  at: 'created',
  value,
  ...rest,
});
const counted = (value: (tickets: readonly DeskTicket[]) => number, rest: Partial<StateFold> = {}) =>
  created((tickets) => toDecimal(value(tickets)), { counting: true, ...rest });

function held(ticket: DeskTicket, targets: Query['targets']): { value: Decimal; target: number } | null {
  const { attribute, values, otherwise } = targets ?? DESK_TARGETS;
  const named: Readonly<Record<string, number>> = values;
  const target = named[attributeOf(ticket, attribute)] ?? otherwise;
  const value = age(ticket);
  return value === null || target === null ? null : { value, target };
}

export const STATE_FOLDS: Readonly<Record<string, StateFold>> = {
  'desk.tickets': counted((tickets) => tickets.length),
  'desk.open': counted((tickets) => tickets.length, {
    keep: (ticket) => attributeOf(ticket, 'status') !== 'done',
  }),
  'desk.priced': counted((tickets) => valuesOf(tickets, cost).length),
  'desk.assigned': counted((tickets) => tickets.filter((one) => attributeOf(one, 'agent') !== '').length),
  'desk.agents': counted((tickets) => distinct(tickets.map((one) => attributeOf(one, 'agent')))),
  'desk.cost': created((tickets) => sum(valuesOf(tickets, cost)), { money: true }),
  'desk.cost_avg': created((tickets) => mean(valuesOf(tickets, cost)), { money: true }),
  'desk.cost_max': created((tickets) => valuesOf(tickets, cost).at(-1) ?? null),
  'desk.cost_p50': created((tickets) => quantile(valuesOf(tickets, cost), 0.5)),
  'desk.age_sum': created((tickets) => sum(valuesOf(tickets, age))),
  'desk.age_min': created((tickets) => valuesOf(tickets, age)[0] ?? null),
  'desk.resolved_age': created((tickets) => mean(valuesOf(tickets, age)), { at: 'resolved' }),
  'desk.resolved_p90': created((tickets) => quantile(valuesOf(tickets, age), 0.9), { at: 'resolved' }),
  'desk.due': counted((tickets) => tickets.length, { at: 'due' }),
  'desk.in_time': created(
    (tickets, targets) =>
      toDecimal(
        tickets.filter((ticket) => {
          const found = held(ticket, targets);
          return found !== null && found.value.lessThanOrEqualTo(found.target);
        }).length,
      ),
    { at: 'resolved', counting: true },
  ),
  'desk.held': created(
    (tickets, targets) => toDecimal(tickets.filter((ticket) => held(ticket, targets) !== null).length),
    { at: 'resolved', counting: true },
  ),
};

/** Instants are epoch milliseconds. */
export interface StateQuery extends Omit<Query, 'metrics' | 'from' | 'to' | 'filters'> {
  readonly metrics: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly keep: (ticket: DeskTicket) => boolean;
}

export interface FoldedSeries {
  readonly metric: string;
  /** Null: all groups not shown. */
  readonly group: readonly string[] | null;
  readonly points: readonly {
    readonly start: string;
    readonly value: MetricValue;
    readonly partial: boolean;
  }[];
  readonly compared?: { readonly points: FoldedSeries['points']; readonly changePercent: number | null };
}

export function foldStates(
  all: readonly DeskTicket[],
  query: StateQuery,
  completeThroughMs: number | null,
): FoldedSeries[] {
  const tickets = all.filter(query.keep);
  const { groupBy = [], fromMs, toMs, timeZone = 'UTC' } = query;
  const groupOf = (ticket: DeskTicket) => groupBy.map((key) => attributeOf(ticket, key));
  const within = (metric: string, from: number, to: number, list: readonly DeskTicket[]) =>
    list.filter((ticket) => {
      const { at, keep } = foldOf(metric);
      const ms = msOf(ticket, at);
      return ms !== null && ms >= from && ms < to && keep?.(ticket) !== false;
    });
  const value = (metric: string, from: number, to: number, list: readonly DeskTicket[]) => {
    const found = within(metric, from, to, list);
    if (found.length === 0) return foldOf(metric).counting === true ? toDecimal(0) : null;
    return foldOf(metric).value(found, query.targets);
  };
  const groups = new Map<string, { group: readonly string[]; tickets: DeskTicket[] }>();
  for (const ticket of tickets) {
    if (query.metrics.every((metric) => within(metric, fromMs, toMs, [ticket]).length === 0)) continue;
    const group = groupOf(ticket);
    const entry = groups.get(JSON.stringify(group)) ?? { group, tickets: [] };
    groups.set(JSON.stringify(group), entry);
  }
  for (const ticket of tickets) groups.get(JSON.stringify(groupOf(ticket)))?.tickets.push(ticket);
  const ranked = [...groups.values()]
    .map((entry) => ({
      ...entry,
      rank: value(query.orderBy?.metric ?? query.metrics[0] ?? '', fromMs, toMs, entry.tickets),
    }))
    .toSorted((a, b) => {
      const byValue =
        a.rank === null || b.rank === null
          ? Number(a.rank === null) - Number(b.rank === null)
          : (query.orderBy?.direction === 'asc' ? 1 : -1) * a.rank.comparedTo(b.rank);
      return byValue !== 0 ? byValue : a.group.join('\0') < b.group.join('\0') ? -1 : 1;
    });
  const limit = query.limit ?? 100;
  const shown: { group: readonly string[] | null; tickets: readonly DeskTicket[] }[] =
    groupBy.length === 0 ? [{ group: [], tickets }] : ranked.slice(0, limit);
  if (query.other === true && ranked.length > limit) {
    const named = new Set(ranked.slice(0, limit).map(({ group }) => JSON.stringify(group)));
    shown.push({ group: null, tickets: tickets.filter((one) => !named.has(JSON.stringify(groupOf(one)))) });
  }
  const shift = query.compare === undefined ? null : comparisonShift(query.compare, query, timeZone);
  const back = (ms: number) => (shift === null ? ms : shiftBack(ms, shift, timeZone));
  const open = (endMs: number) => completeThroughMs === null || endMs > completeThroughMs;
  const points = (metric: string, from: number, to: number, list: readonly DeskTicket[]) => {
    const { granularity, weekStart = 'monday' } = query;
    const edges =
      granularity === undefined
        ? { edgesMs: [from, to], firstClipped: false, lastClipped: false }
        : bucketBoundaries({ fromMs: from, toMs: to, granularity, timeZone, weekStart, fiscalYearStart: 1 });
    return edges.edgesMs.slice(0, -1).flatMap((startMs, index) => {
      const endMs = edges.edgesMs[index + 1] ?? 0;
      const isEmpty = within(metric, startMs, endMs, list).length === 0;
      const found = isEmpty && granularity !== undefined ? null : value(metric, startMs, endMs, list);
      if (found === null && shift === null && granularity !== undefined) return [];
      const clipped = (index === 0 && edges.firstClipped) || (endMs === to && edges.lastClipped);
      return [
        {
          start: new Date(startMs).toISOString(),
          value: written(found, foldOf(metric).money === true),
          partial: clipped || open(endMs),
        },
      ];
    });
  };
  return shown.flatMap(({ group, tickets: list }) =>
    query.metrics.map((metric): FoldedSeries => {
      const series = { metric, group, points: points(metric, fromMs, toMs, list) };
      if (shift === null) return series;
      const closedToMs = Math.min(toMs, completeThroughMs ?? fromMs);
      const isClosed = closedToMs > fromMs && back(closedToMs) > back(fromMs);
      const now = isClosed ? value(metric, fromMs, closedToMs, list) : null;
      const before = isClosed ? value(metric, back(fromMs), back(closedToMs), list) : null;
      return {
        ...series,
        compared: {
          points: points(metric, back(fromMs), back(toMs), list),
          changePercent:
            now === null || before === null || before.isZero()
              ? null
              : now.minus(before).dividedBy(before.abs()).times(100).toNumber(),
        },
      };
    }),
  );
}

function foldOf(metric: string): StateFold {
  const fold = STATE_FOLDS[metric];
  if (fold === undefined) throw new Error(`${metric} has no fold`);
  return fold;
}

function written(value: Decimal | null, money: boolean): MetricValue {
  if (value === null) return null;
  return money ? value.toDecimalPlaces(12).toFixed() : value.toNumber();
}

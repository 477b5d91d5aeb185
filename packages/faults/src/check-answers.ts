/** I4, I6 and I10: what the query API answers, against what the events add up to. */
import { type Answer, MINUTE_MS, type Point } from '@tidemark/core';
import type { Findings } from './findings.ts';
import type { MinuteFold, Oracle } from './oracle.ts';
import { microText, serviceOf } from './planned-event.ts';
import { ORGANIZATION_NAMES } from './slots.ts';

export const REQUESTS_METRIC = 'llm.requests';
const TOKENS_METRIC = 'llm.prompt_tokens';
const COST_METRIC = 'llm.cost';
export const SUMMED_METRICS = [REQUESTS_METRIC, TOKENS_METRIC, COST_METRIC] as const;

interface Totals {
  readonly acknowledged: number;
  readonly tokens: number;
}

/** Minutes of an organization as wider buckets, by start (ms). */
export function foldBuckets(
  minutes: ReadonlyMap<number, Readonly<Pick<MinuteFold, 'acknowledged' | 'tokens'>>>,
  widthMs: number,
): ReadonlyMap<number, Totals> {
  const buckets = new Map<number, Totals>();
  for (const [minute, { acknowledged, tokens }] of minutes) {
    const startMs = Math.floor((minute * MINUTE_MS) / widthMs) * widthMs;
    const known = buckets.get(startMs) ?? { acknowledged: 0, tokens: 0 };
    buckets.set(startMs, {
      acknowledged: known.acknowledged + acknowledged,
      tokens: known.tokens + tokens,
    });
  }
  return buckets;
}

/** I4, when nothing is under way. Absent points stand for nothing. */
export function checkTotals(
  answer: Answer,
  expected: ReadonlyMap<number, Totals>,
  organization: number,
  findings: Findings,
): void {
  const { granularity } = answer;
  for (const metric of SUMMED_METRICS) {
    const points = pointsOf(answer, metric);
    const starts = new Set([...expected.keys(), ...points.keys()]);
    for (const startMs of starts) {
      const totals = expected.get(startMs);
      const wanted = totals === undefined || totals.acknowledged === 0 ? null : valueOf(metric, totals);
      const point = points.get(startMs);
      const found = point === undefined ? null : toComparable(metric, point);
      findings.checked('I4');
      if (found === wanted || (wanted === null && found === '0')) continue;
      findings.violated('I4', 'an answer is not what the events add up to', {
        organization: ORGANIZATION_NAMES[organization],
        metric,
        granularity,
        bucket: new Date(startMs).toISOString(),
        found,
        expected: wanted,
        tiersRead: answer.tiersRead,
      });
    }
  }
}

function valueOf(metric: (typeof SUMMED_METRICS)[number], totals: Totals): string {
  switch (metric) {
    case REQUESTS_METRIC:
      return String(totals.acknowledged);
    case TOKENS_METRIC:
      return String(totals.tokens);
    case COST_METRIC:
      return trimZeros(microText(totals.tokens));
  }
}

function toComparable(metric: (typeof SUMMED_METRICS)[number], { value }: Point): string | null {
  if (value === null) return null;
  return metric === COST_METRIC ? trimZeros(String(value)) : String(value);
}

function trimZeros(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

function pointsOf(answer: Answer, metric: string): ReadonlyMap<number, Point> {
  const series = answer.series.filter((one) => one.metric === metric);
  return new Map(series.flatMap(({ points }) => points.map((point) => [Date.parse(point.start), point])));
}

/** I6: an answer grouped by service names the service of its organization alone. */
export function checkTenant(answer: Answer, organization: number, findings: Findings): void {
  findings.checked('I6');
  const foreign = answer.series.filter(({ dimensions }) => dimensions['service'] !== serviceOf(organization));
  if (foreign.length === 0) return;
  findings.violated('I6', 'an answer shows rows of another organization', {
    organization: ORGANIZATION_NAMES[organization],
    foreign: foreign.map(({ dimensions }) => dimensions),
  });
}

/** I10, at any moment: remembers what closed buckets have said. */
export class ClosedBuckets {
  readonly #oracle: Pick<Oracle, 'minutes'>;
  readonly #findings: Findings;
  readonly #said: readonly Map<number, number>[] = ORGANIZATION_NAMES.map(() => new Map());

  constructor(oracle: Pick<Oracle, 'minutes'>, findings: Findings) {
    this.#oracle = oracle;
    this.#findings = findings;
  }

  /** @param answer counts of requests by minute, of whole minutes */
  take(answer: Answer, organization: number): void {
    const folds = this.#oracle.minutes(organization);
    const said = this.#said[organization];
    const points = pointsOf(answer, REQUESTS_METRIC);
    const fromMs = Date.parse(answer.from);
    const closedMs = Math.min(Date.parse(answer.to), Date.parse(answer.completeThrough ?? answer.from));
    const isClosed = (startMs: number): boolean => startMs >= fromMs && startMs + MINUTE_MS <= closedMs;
    const starts = new Set([...[...folds.keys()].map((minute) => minute * MINUTE_MS), ...points.keys()]);
    for (const startMs of [...starts].filter(isClosed)) {
      const minute = startMs / MINUTE_MS;
      const value = Number(points.get(startMs)?.value ?? 0);
      const least = Math.max(folds.get(minute)?.acknowledgedInTime ?? 0, said?.get(minute) ?? 0);
      const most = folds.get(minute)?.sent ?? 0;
      this.#findings.checked('I10');
      if (value < least || value > most)
        this.#findings.violated('I10', 'a closed bucket lacks events, lost them or has too many', {
          organization: ORGANIZATION_NAMES[organization],
          bucket: new Date(startMs).toISOString(),
          value,
          least,
          most,
          saidBefore: said?.get(minute) ?? null,
          fold: { ...folds.get(minute) },
          completeThrough: answer.completeThrough,
          tiersRead: answer.tiersRead,
        });
      said?.set(minute, value);
    }
  }
}

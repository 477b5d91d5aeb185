/** I4 of what is no sum: percentiles, distinct counts, extremes and groups of a whole run, against the events themselves. */
import type { Answer, Query } from '@tidemark/core';
import type { Findings } from './findings.ts';
import type { Oracle } from './oracle.ts';
import { latencyOf, modelOf, userOf } from './planned-event.ts';
import { isHttpSlot, ORGANIZATION_NAMES, organizationOfSlot } from './slots.ts';

/** Of percentiles, always; of distinct counts of so few, more than there is. */
const RELATIVE_ERROR_MAX = 0.01;
const QUANTILES = { 'llm.latency_p50': 0.5, 'llm.latency_p95': 0.95, 'llm.latency_p99': 0.99 } as const;
const GROUPED = ['llm.requests', 'llm.prompt_tokens'] as const;

export const ESTIMATES_QUERY: Pick<Query, 'metrics'> = {
  metrics: [
    ...Object.keys(QUANTILES),
    'llm.users',
    'http.requests',
    'http.duration_min',
    'http.duration_max',
  ],
};
export const GROUPS_QUERY: Pick<Query, 'metrics' | 'groupBy'> = { metrics: [...GROUPED], groupBy: ['model'] };

interface Group {
  readonly requests: number;
  readonly tokens: number;
}

/** Of the acknowledged events of one organization. */
export interface Summary {
  readonly llmTokens: readonly number[];
  readonly httpTokens: readonly number[];
  /** Of the calls of models. */
  readonly users: number;
  readonly models: ReadonlyMap<string, Group>;
}

/** By organization. */
export function summarize(oracle: Pick<Oracle, 'slots' | 'expected'>): readonly Summary[] {
  const summaries = ORGANIZATION_NAMES.map(() => ({
    llmTokens: [] as number[],
    httpTokens: [] as number[],
    users: new Set<string>(),
    models: new Map<string, Group>(),
  }));
  for (let slot = 0; slot < oracle.slots; slot += 1) {
    const event = oracle.expected(slot);
    const summary = summaries[organizationOfSlot(slot)];
    if (event?.isAcknowledged !== true || summary === undefined) continue;
    const { tokens } = event;
    if (isHttpSlot(slot)) {
      summary.httpTokens.push(tokens);
      continue;
    }
    summary.llmTokens.push(tokens);
    summary.users.add(userOf(tokens));
    const group = summary.models.get(modelOf(tokens)) ?? { requests: 0, tokens: 0 };
    const { requests } = group;
    summary.models.set(modelOf(tokens), { requests: requests + 1, tokens: group.tokens + tokens });
  }
  return summaries.map(({ users, ...summary }) => ({ ...summary, users: users.size }));
}

/** @param answer to `ESTIMATES_QUERY` over everything, as one point */
export function checkEstimates(
  answer: Answer,
  { llmTokens, httpTokens, users }: Summary,
  organization: number,
  findings: Findings,
): void {
  const sorted = llmTokens.toSorted((a, b) => a - b);
  const quantile = (level: number): number => latencyOf(sorted[Math.floor(level * (sorted.length - 1))] ?? 0);
  const durations = httpTokens.map(latencyOf);
  const expected: [string, number, number][] = [
    ...Object.entries(QUANTILES).map(([metric, level]): [string, number, number] => [
      metric,
      quantile(level),
      RELATIVE_ERROR_MAX,
    ]),
    ['llm.users', users, RELATIVE_ERROR_MAX],
    ['http.requests', durations.length, 0],
    ['http.duration_min', durations.reduce((least, one) => Math.min(least, one), Infinity), 0],
    ['http.duration_max', durations.reduce((most, one) => Math.max(most, one), -Infinity), 0],
  ];
  for (const [metric, wanted, relativeError] of expected) {
    const series = answer.series.find((one) => one.metric === metric);
    const found = Number(series?.points[0]?.value ?? Number.NaN);
    findings.checked('I4');
    if (Math.abs(found - wanted) <= relativeError * wanted) continue;
    findings.violated('I4', 'an answer is further from the events than it says', {
      organization: ORGANIZATION_NAMES[organization],
      metric,
      found,
      expected: wanted,
      relativeError,
      tiersRead: answer.tiersRead,
    });
  }
}

/** @param answer to `GROUPS_QUERY` over everything */
export function checkGroups(
  answer: Answer,
  { models }: Pick<Summary, 'models'>,
  organization: number,
  findings: Findings,
): void {
  const valueOf = (metric: string, model: string): number =>
    Number(
      answer.series.find((one) => one.metric === metric && one.dimensions['model'] === model)?.points[0]
        ?.value ?? Number.NaN,
    );
  const shown = answer.series.map(({ dimensions }) => dimensions['model'] ?? null);
  const names = new Set([...models.keys(), ...shown]);
  for (const model of names) {
    const wanted = model === null ? undefined : models.get(model);
    const found = { requests: valueOf(GROUPED[0], model ?? ''), tokens: valueOf(GROUPED[1], model ?? '') };
    findings.checked('I4');
    if (found.requests === wanted?.requests && found.tokens === wanted.tokens) continue;
    findings.violated('I4', 'a group is not what its events add up to', {
      organization: ORGANIZATION_NAMES[organization],
      model,
      found,
      expected: wanted ?? null,
      tiersRead: answer.tiersRead,
    });
  }
}

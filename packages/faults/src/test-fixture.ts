/** What the tests of the checks share: one request, acknowledged, and a store that holds it rightly. */
import { type Answer, DAY_MS, MINUTE_MS } from '@tidemark/core';
import type { Findings, Invariant } from './findings.ts';
import type { Oracle } from './oracle.ts';
import { planRequest, type RequestPlan } from './requests.ts';
import { describeSlot } from './slots.ts';
import type { StoredRow } from './stored-rows.ts';

export const SEED = 7;
export const BASE_MS = Date.UTC(2026, 0, 10, 12);
export const FRESH: RequestPlan = { batch: 3, kind: 'fresh', baseMs: BASE_MS };

export function acknowledge(oracle: Oracle, plan: RequestPlan): void {
  const request = planRequest(SEED, plan);
  oracle.send(request);
  oracle.acknowledge(request, BASE_MS);
}

/** What a right store holds: each event at the offset of its place in the request. */
export function storedRows(plan = FRESH): StoredRow[] {
  return planRequest(SEED, plan).events.map(({ slot, timeMs, tokens, content }, offset) => ({
    ...describeSlot(slot),
    minute: Math.floor(timeMs / MINUTE_MS),
    tokens: String(tokens),
    content,
    partition: 0,
    offset,
  }));
}

export function listFound(findings: Findings): [Invariant, string][] {
  return findings.violations.map(({ invariant, what }) => [invariant, what]);
}

/** Of a question over the time of `FRESH`. */
export function answerOf(series: Answer['series']): Answer {
  return {
    series,
    from: new Date(BASE_MS - 4 * DAY_MS).toISOString(),
    to: new Date(BASE_MS + MINUTE_MS).toISOString(),
    granularity: 'minute',
    timeZone: 'UTC',
    completeThrough: new Date(BASE_MS + MINUTE_MS).toISOString(),
    tiersRead: ['raw'],
    estimates: [],
    groupsOmitted: 0,
    nextCursor: null,
  };
}

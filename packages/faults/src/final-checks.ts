/** What is asked once, when all is over: rollups are made and read and right, estimates are close, refused items are dead letters. */
import { setTimeout as delay } from 'node:timers/promises';
import { DAY_MS, type Query } from '@tidemark/core';
import { waitUntil } from '@tidemark/testkit/cluster';
import type { Verified } from '@tidemark/contracts';
import {
  checkEstimates,
  checkGroups,
  ESTIMATES_QUERY,
  GROUPS_QUERY,
  type Summary,
  summarize,
} from './check-estimates.ts';
import { checkLetters, checkPoison, countMissing } from './check-letters.ts';
import { checkVerified } from './check-rollups.ts';
import type { Findings } from './findings.ts';
import type { Oracle } from './oracle.ts';
import type { FoundLetter, Questions, TimeRange } from './questions.ts';
import type { Rejects } from './rejects.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import type { System } from './system.ts';
import { LIVENESS_MS_MAX, untilAnswered } from './until-answered.ts';

/** When no letter has come for so long, none is under way: they are collected for a second. */
const LETTERS_QUIET_MS = 3_000;
/** Between looks at what takes the product some work to tell. */
const LOOK_INTERVAL_MS = 500;

export interface FinalCheckOptions {
  readonly system: Pick<System, 'poisoned'>;
  readonly questions: Questions;
  readonly findings: Findings;
  readonly oracle: Pick<Oracle, 'days' | 'slots' | 'expected'>;
  readonly rejects: Rejects;
  /** Newest days of event time that are verified: seconds each, and late events are spread over four. */
  readonly daysVerifiedMax: number;
}

/** Every day with events, whole. */
export function rangeOf(days: readonly number[]): TimeRange {
  const [first = 0] = days;
  return { from: toInstant(first), to: toInstant((days.at(-1) ?? 0) + DAY_MS) };
}

/** I7: from the end of the faults until the rollup of every closed bucket is made. @returns ms; null when they were not made */
export async function untilRolledUp({
  questions,
  findings,
  oracle,
}: Pick<FinalCheckOptions, 'questions' | 'findings' | 'oracle'>): Promise<number | null> {
  const startedAtMs = performance.now();
  const range = rangeOf(oracle.days());
  let dirtyBuckets: readonly (number | null)[] = [];
  findings.checked('I7');
  try {
    await waitUntil(
      async () => {
        await delay(LOOK_INTERVAL_MS);
        const indexes = [...ORGANIZATION_NAMES.keys()];
        dirtyBuckets = await Promise.all(indexes.map((index) => questions.dirtyBuckets(index, range)));
        return dirtyBuckets.every((count) => count === 0);
      },
      { what: 'every closed bucket to have its rollup', deadlineMs: LIVENESS_MS_MAX },
    );
    return Math.round(performance.now() - startedAtMs);
  } catch (error) {
    findings.violated('I7', 'rollups were not made', { error: String(error), range, dirtyBuckets });
    return null;
  }
}

/** When all is stored and rolled up. */
export async function checkFinally(on: FinalCheckOptions): Promise<void> {
  const summaries = summarize(on.oracle);
  for (const organization of ORGANIZATION_NAMES.keys()) {
    const summary = summaries[organization];
    if (summary === undefined || summary.llmTokens.length === 0) continue;
    await checkWhole(on, organization, summary);
    await verifyDays(on, organization);
  }
  await checkRejected(on);
}

async function checkWhole(
  { questions, findings, oracle }: FinalCheckOptions,
  organization: number,
  summary: Summary,
): Promise<void> {
  const range = rangeOf(oracle.days());
  const ask = (query: Query) =>
    untilAnswered(() => questions.ask(organization, query), findings, { organization, query });
  const estimates = await ask({ ...ESTIMATES_QUERY, ...range });
  if (estimates !== null && summary.httpTokens.length > 0)
    checkEstimates(estimates, summary, organization, findings);
  const groups = await ask({ ...GROUPS_QUERY, ...range });
  if (groups !== null) checkGroups(groups, summary, organization, findings);
}

async function verifyDays(
  { questions, findings, oracle, daysVerifiedMax }: FinalCheckOptions,
  organization: number,
): Promise<void> {
  const verified: Verified[] = [];
  for (const dayMs of oracle.days().slice(-daysVerifiedMax)) {
    const range = rangeOf([dayMs]);
    const verify = () => questions.verify(organization, range);
    const day = await untilAnswered(verify, findings, { organization, verify: range });
    if (day !== null) verified.push(day);
  }
  checkVerified(verified, organization, findings);
}

async function checkRejected({ questions, findings, rejects, system }: FinalCheckOptions): Promise<void> {
  const owners = [...ORGANIZATION_NAMES.keys(), null];
  let found: readonly (readonly FoundLetter[] | null)[] = [];
  let total = -1;
  let quietSinceMs = performance.now();
  findings.checked('I7');
  try {
    await waitUntil(
      async () => {
        await delay(LOOK_INTERVAL_MS);
        found = await Promise.all(owners.map((owner) => questions.letters(owner)));
        if (found.includes(null)) return false;
        const missing = [...ORGANIZATION_NAMES.keys()].reduce(
          (sum, owner) => sum + countMissing(found[owner] ?? [], rejects.outcomes(owner)),
          0,
        );
        const count = found.reduce((sum, letters) => sum + (letters?.length ?? 0), 0);
        if (count !== total) quietSinceMs = performance.now();
        total = count;
        return missing === 0 && performance.now() - quietSinceMs >= LETTERS_QUIET_MS;
      },
      { what: 'every rejected item to be a dead letter', deadlineMs: LIVENESS_MS_MAX },
    );
  } catch (error) {
    findings.violated('I7', 'dead letters were not kept', { error: String(error), total });
  }
  for (const organization of ORGANIZATION_NAMES.keys())
    checkLetters(found[organization] ?? [], rejects.outcomes(organization), organization, findings);
  checkPoison(found.at(-1) ?? [], system.poisoned(), findings);
}

function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}

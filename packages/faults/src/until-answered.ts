/** I7: after the faults, everything comes about within a bound. */
import { waitUntil } from '@tidemark/testkit/cluster';
import type { Findings } from './findings.ts';

/** From the end of the faults until everything is taken, stored, rolled up. */
export const LIVENESS_MS_MAX = 180_000;
/** Of one question then. */
const ANSWER_MS_MAX = 120_000;

/** Null, and a violation of I7, when there is no answer within the bound. */
export async function untilAnswered<T>(
  ask: () => Promise<T | null>,
  findings: Findings,
  question: Readonly<Record<string, unknown>>,
): Promise<T | null> {
  let answer: T | null = null;
  findings.checked('I7');
  try {
    await waitUntil(async () => (answer = await ask()) !== null, {
      what: 'a question to be answered',
      deadlineMs: ANSWER_MS_MAX,
    });
  } catch (error) {
    findings.violated('I7', 'a question was not answered', { error: String(error), ...question });
  }
  return answer;
}

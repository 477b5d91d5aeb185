/** What each step of the aggregator's pipeline has taken, from its own telemetry: the price of exactly one effect beside the insert. */
import { assertThat } from '@tidemark/core';

const SUM = /^tidemark_aggregator_step_duration_seconds_sum\{step="([a-z-]+)"\} ([0-9.e+-]+)$/gm;
/** Waiting for records, and what happens once in a spell of ownership. */
const NOT_OF_BATCHES = new Set(['read', 'recover']);

export interface StepTime {
  readonly step: string;
  /** In sum over all partitions, which work at the same time. */
  readonly seconds: number;
}

/** Longest first. */
export async function readSteps(telemetryUrl: string): Promise<readonly StepTime[]> {
  const answer = await fetch(telemetryUrl);
  assertThat(answer.ok, `${telemetryUrl} answers ${answer.status}`);
  return parseSteps(await answer.text());
}

export function parseSteps(text: string): readonly StepTime[] {
  return [...text.matchAll(SUM)]
    .map(([, step = '', seconds]) => ({ step, seconds: Number(seconds) }))
    .filter(({ step }) => !NOT_OF_BATCHES.has(step))
    .toSorted((a, b) => b.seconds - a.seconds);
}

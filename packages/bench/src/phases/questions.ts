/** How long answers take on a million rows, beside the engine merely counting the rows that each is about. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { Query } from '@tidemark/core';
import type { QuestionFigure } from '../report.ts';
import type { System } from '../system.ts';
import type { Worker } from '../workers/start.ts';
import type { PhaseContext } from './context.ts';

const WARM_UP_REPETITIONS = 3;
const REPETITIONS = 30;
const CLIENTS = 20;
const REQUESTS_PER_CLIENT = 4;
const COUNT_REPETITIONS = 20;

interface Question {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly query: Omit<Query, 'from' | 'to'>;
}

/** @param tailEndMs the end of the newest events: the tail is asked for first, while it is still open */
function questionsAt(tailEndMs: number): readonly Question[] {
  const hourStartMs = Math.floor(tailEndMs / HOUR_MS) * HOUR_MS;
  const kolkataOffsetMs = 5.5 * HOUR_MS;
  const dayStartMs = Math.floor((tailEndMs + kolkataOffsetMs) / DAY_MS) * DAY_MS - kolkataOffsetMs;
  return [
    {
      name: 'the last 60 s (open tail)',
      fromMs: tailEndMs - 60 * SECOND_MS,
      toMs: tailEndMs,
      query: { metrics: ['llm.requests', 'llm.prompt_tokens'] },
    },
    {
      name: '24 h by hour',
      fromMs: hourStartMs - 23 * HOUR_MS,
      toMs: hourStartMs + HOUR_MS,
      query: { metrics: ['llm.requests'], granularity: 'hour' },
    },
    {
      name: '24 h, p95 latency by model',
      fromMs: hourStartMs - 23 * HOUR_MS,
      toMs: hourStartMs + HOUR_MS,
      query: { metrics: ['llm.latency_p95'], groupBy: ['model'] },
    },
    {
      name: 'a year by day in Asia/Kolkata',
      fromMs: dayStartMs - 364 * DAY_MS,
      toMs: dayStartMs + DAY_MS,
      query: { metrics: ['llm.requests'], granularity: 'day', timeZone: 'Asia/Kolkata' },
    },
  ];
}

/** Asks over HTTP; what the bare engine takes for the same rows is `countBare`, once the rows may be read by another process. */
export async function measureQuestions(
  system: System,
  load: Worker<'load'>,
  { log }: PhaseContext,
): Promise<readonly AskedQuestion[]> {
  const asked: AskedQuestion[] = [];
  for (const question of questionsAt(Date.now())) {
    log(`asking for ${question.name}`);
    const text = JSON.stringify({
      ...question.query,
      from: new Date(question.fromMs).toISOString(),
      to: new Date(question.toMs).toISOString(),
    } satisfies Query);
    const ask = (connections: number, requests: number) =>
      load.ask({ target: system.queryAnew, connections, body: { kind: 'fixed', text }, until: { requests } });
    await ask(1, WARM_UP_REPETITIONS);
    const alone = await ask(1, REPETITIONS);
    const crowded = await ask(CLIENTS, CLIENTS * REQUESTS_PER_CLIENT);
    asked.push({
      ...question,
      aloneMs: alone.latencyMs,
      crowdedMs: crowded.latencyMs,
      crowdedPerSecond: crowded.requests / (crowded.elapsedMs / SECOND_MS),
    });
  }
  return asked;
}

export interface AskedQuestion
  extends Pick<QuestionFigure, 'name' | 'aloneMs' | 'crowdedMs' | 'crowdedPerSecond'> {
  readonly fromMs: number;
  readonly toMs: number;
}

/** @param system stopped, when its engine is in-process */
export async function countBare(
  system: System,
  bareCount: Worker<'bare-count'>,
  asked: readonly AskedQuestion[],
): Promise<readonly QuestionFigure[]> {
  const figures: QuestionFigure[] = [];
  for (const { name, fromMs, toMs, aloneMs, crowdedMs, crowdedPerSecond } of asked) {
    const target = system.storedRows;
    const counted = await bareCount.ask({ target, fromMs, toMs, repetitions: COUNT_REPETITIONS });
    figures.push({
      name,
      rows: counted.rows,
      clients: CLIENTS,
      aloneMs,
      crowdedMs,
      crowdedPerSecond,
      bareCountMs: counted.elapsedMs,
    });
  }
  return figures;
}

/** The events are spread up to here, so that none of them lies in an open minute. */
export function fillEndMs(nowMs: number): number {
  return Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - 15 * MINUTE_MS;
}

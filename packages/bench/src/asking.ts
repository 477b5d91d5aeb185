/** Questions the benchmark itself asks, through the public API. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Query } from '@tidemark/core';
import type { System } from './system.ts';
import type { HttpTarget } from './workers/protocol.ts';

const CHECK_INTERVAL_MS = 25;

/** @throws Error with the answer when it is no success */
export async function requestJson(target: HttpTarget, body?: string): Promise<unknown> {
  const response = await fetch(target.url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: target.headers,
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${target.url} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** The one value of a question without granularity and group; 0 when there is no event. */
export async function askNumber({ query }: System, question: Query): Promise<number> {
  const answer = (await requestJson(query, JSON.stringify(question))) as Answer;
  return Number(answer.series[0]?.points[0]?.value ?? 0);
}

/** @throws Error naming what was waited for */
export async function waitFor(
  what: string,
  deadlineMs: number,
  condition: () => Promise<boolean>,
  intervalMs = CHECK_INTERVAL_MS,
): Promise<void> {
  const startedAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAt > deadlineMs) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await delay(intervalMs);
  }
}

export interface PipelineStatus {
  /** Records received and not yet stored. */
  readonly lag: number;
  /** Buckets whose rollup has still to be made. */
  readonly dirtyBuckets: number;
}

export async function readStatus({ status }: System): Promise<PipelineStatus> {
  return (await requestJson(status)) as PipelineStatus;
}

import { REBUILD_DAYS_MAX } from '@tidemark/contracts';
import { SECOND_MS } from '@tidemark/core';
import type { CliContext } from '../context.ts';
import { EXIT_FOUND, EXIT_OK } from '../fault.ts';
import { asCount, connect } from '../http/server.ts';
import { parseRange, type Range, splitRange, toInstants } from '../range-argument.ts';

const PATH = '/api/v1/analytics/aggregate';
/** Marked with one request, so that none takes long. */
const DAYS_PER_REQUEST = 30;
const POLL_INTERVAL_MS = 500;

export interface RebuildOptions {
  readonly from: string;
  readonly to: string;
  /** Metric keys, separated by commas. */
  readonly metric?: string;
  readonly wait: boolean;
  readonly waitSeconds: number;
  readonly json: boolean;
}

/** Has rollups made anew, and waits until they are. @returns not 0 when they are not in time */
export async function runRebuildCommand(context: CliContext, options: RebuildOptions): Promise<number> {
  const range = parseRange(context, options, REBUILD_DAYS_MAX);
  const server = connect(context);
  const startedAtMs = context.clock.nowMs();
  const metrics = (options.metric ?? '').split(',').flatMap((part) => part.trim() || []);
  let buckets = 0;
  for (const part of splitRange(range, DAYS_PER_REQUEST)) {
    context.signal.throwIfAborted();
    const body = { ...toInstants(part), ...(metrics.length === 0 ? {} : { metrics }) };
    buckets += asCount((await server.post(PATH, body))['buckets'], 'buckets');
  }
  if (!options.json) context.stdout.write(`${buckets} buckets are marked\n`);
  const remaining = options.wait ? await waitUntilMade(context, range, options.waitSeconds) : null;
  const seconds = (context.clock.nowMs() - startedAtMs) / SECOND_MS;
  if (options.json) context.stdout.write(`${JSON.stringify({ buckets, remaining, seconds })}\n`);
  else if (remaining === 0) context.stdout.write(`their rollups are made, after ${seconds.toFixed(1)} s\n`);
  if (remaining === null || remaining === 0) return EXIT_OK;
  context.stderr.write(
    `${remaining} rollups are not made after ${options.waitSeconds} s; they will be, and numbers are right meanwhile\n`,
  );
  return EXIT_FOUND;
}

/**
 * Polls until no closed bucket of the range is dirty, at most so long. Of a range that reaches beyond now only what lies before counts: new
 * events keep the rest changing.
 * @returns how many are left
 */
async function waitUntilMade(context: CliContext, range: Range, waitSeconds: number): Promise<number> {
  const server = connect(context);
  const startedAtMs = context.clock.nowMs();
  const toMs = Math.min(range.toMs, startedAtMs);
  if (toMs <= range.fromMs) return 0;
  for (;;) {
    const { dirtyBuckets } = await server.get(PATH, toInstants({ ...range, toMs }));
    const remaining = asCount(dirtyBuckets, 'dirty buckets');
    if (remaining === 0 || context.clock.nowMs() - startedAtMs >= waitSeconds * SECOND_MS) return remaining;
    await context.clock.sleep(POLL_INTERVAL_MS, context.signal);
    context.signal.throwIfAborted();
  }
}

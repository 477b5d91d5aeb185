import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { createLmdbBus } from '@tidemark/bus';
import { systemClock } from '@tidemark/runtime';
import { describeFlushFeed } from './test-flush-feed.ts';

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.toReversed()) await step();
});

describeFlushFeed('the embedded log', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-feed-'));
  undo.push(() => rm(path, { recursive: true, force: true }));
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const bus = await createLmdbBus({ path, clock: systemClock, log });
  undo.push(() => bus.close());
  return bus;
});

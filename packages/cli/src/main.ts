import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Clock } from '@tidemark/core';
import { EXIT_INTERRUPTED, EXIT_UNANSWERED } from './fault.ts';
import { runCli } from './program.ts';

const clock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Aborted: the caller looks at its signal.
    }
  },
};

const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
  // A second one is not waited for.
  process.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
});
process.once('SIGTERM', () => stop.abort());
// `tidemark … | head` closes the pipe early: that is not a fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock,
  random: Math.random,
  fetch: globalThis.fetch,
  signal: stop.signal,
}).catch((bug: unknown) => {
  // Left to Node it would end with 1, which says that something is wrong with the data.
  process.stderr.write(`${inspect(bug)}\n`);
  return EXIT_UNANSWERED;
});

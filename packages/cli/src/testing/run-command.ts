import { Writable } from 'node:stream';
import type { Clock } from '@tidemark/core';
import { runCli } from '../program.ts';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** How long it would have slept. */
  readonly sleptMs: readonly number[];
}

export interface RunCommandOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** What the clock says at first; 0 when absent. */
  readonly startMs?: number;
}

/** Runs a command line as the process would, with a clock that only moves when somebody sleeps. */
export async function runCommand(
  args: readonly string[],
  options: RunCommandOptions,
): Promise<CommandResult> {
  const sleptMs: number[] = [];
  let nowMs = options.startMs ?? 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: (ms) => {
      sleptMs.push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
  };
  let stdout = '';
  let stderr = '';
  const stderrStream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      stderr += chunk.toString();
      done();
    },
  });
  const exitCode = await runCli(args, {
    environment: options.environment,
    stdout: { write: (text) => (stdout += text) },
    stderr: stderrStream,
    clock,
    random: () => 0.5,
    fetch: globalThis.fetch,
    signal: options.signal ?? new AbortController().signal,
  });
  return { exitCode, stdout, stderr, sleptMs };
}

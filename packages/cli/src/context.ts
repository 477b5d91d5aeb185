import type { Clock } from '@tidemark/core';

/** A stream to write on: the terminal, a pipe or a test. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Everything the command takes from outside. */
export interface CliContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextSink;
  readonly stderr: NodeJS.WritableStream & TextSink;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly fetch: typeof globalThis.fetch;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

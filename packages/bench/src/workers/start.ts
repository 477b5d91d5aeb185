import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Conversations, WorkerLine, WorkerName } from './protocol.ts';

export interface Worker<Name extends WorkerName> {
  /** One at a time. @throws Error with what the worker says, or that it has ended */
  ask(request: Conversations[Name]['request']): Promise<Conversations[Name]['answer']>;
  /** Ends its input and waits until it is gone. Idempotent. */
  stop(): Promise<void>;
}

/** Starts this bundle once more as a worker. It ends with this process at the latest: its input then ends. */
export function startWorker<Name extends WorkerName>(name: Name): Worker<Name> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--worker', name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`the worker ${name} ended with exit code ${child.exitCode}`);
      const parsed = JSON.parse(line.value) as WorkerLine<Conversations[Name]['answer']>;
      if ('fault' in parsed) throw new Error(`the worker ${name} failed: ${parsed.fault}`);
      return parsed.answer;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

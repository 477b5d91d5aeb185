/** The side of a worker: answers each line of its input with one line, and ends with its input. */
import { createInterface } from 'node:readline';
import { openBareCounter } from './bare-count.ts';
import { openBareInserter } from './bare-insert.ts';
import { openBareServer } from './bare-server.ts';
import { openFollowers } from './followers.ts';
import { runLoad } from './load.ts';
import type { Conversations, WorkerLine, WorkerName, WorkerService } from './protocol.ts';

const SERVICES: { readonly [Name in WorkerName]: () => WorkerService<Name> } = {
  load: () => ({ answer: runLoad, close: async () => undefined }),
  'bare-server': openBareServer,
  'bare-insert': openBareInserter,
  'bare-count': openBareCounter,
  followers: openFollowers,
};

/** Resolves at the end of the input. */
export async function serveWorker(name: WorkerName): Promise<void> {
  // Lines come from `startWorker`, which sends what the worker of this name takes.
  const service = SERVICES[name]() as WorkerService<WorkerName>;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Conversations[WorkerName]['request'];
    process.stdout.write(`${JSON.stringify(await answerOrFault(service, request))}\n`);
  }
  await service.close();
}

async function answerOrFault(
  service: WorkerService<WorkerName>,
  request: Conversations[WorkerName]['request'],
): Promise<WorkerLine<Conversations[WorkerName]['answer']>> {
  try {
    return { answer: await service.answer(request) };
  } catch (error) {
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The promises that were made to the load generator, on the disk before they are believed. */
import { open } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { REQUEST_KINDS, type RequestPlan } from './requests.ts';

/** One 202. */
export interface JournalEntry extends RequestPlan {
  readonly acknowledgedAtMs: number;
}

export interface Journal {
  readonly path: string;
  /** On the disk when it resolves. Entries that come together share one fsync. */
  append(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, 'a');
  let waiting: string[] = [];
  let writing: Promise<void> | null = null;

  async function writeWaiting(): Promise<void> {
    const lines = waiting;
    waiting = [];
    writing = null;
    await file.appendFile(lines.join(''));
    await file.datasync();
  }

  let previous = Promise.resolve();
  return {
    path,
    append(entry) {
      waiting.push(`${JSON.stringify(entry)}\n`);
      // The next write takes everything that has come until the one under way has ended.
      writing ??= previous.then(writeWaiting);
      previous = writing;
      return writing;
    },
    async close() {
      await previous;
      await file.close();
    },
  };
}

/** @throws Error naming the line that is no entry */
export async function* readJournal(path: string): AsyncGenerator<JournalEntry> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    const entry = parseEntry(line);
    if (entry === null) throw new Error(`line ${number} of ${path} is no entry: ${line}`);
    yield entry;
  }
}

function parseEntry(line: string): JournalEntry | null {
  const value = JSON.parse(line) as Record<string, unknown>;
  const { batch, kind: found, baseMs, acknowledgedAtMs } = value;
  const kind = REQUEST_KINDS.find((known) => known === found);
  if (kind === undefined || typeof batch !== 'number') return null;
  if (typeof baseMs !== 'number' || typeof acknowledgedAtMs !== 'number') return null;
  return { batch, kind, baseMs, acknowledgedAtMs };
}

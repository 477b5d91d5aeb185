import { createHash, type Hash } from 'node:crypto';
import { endOffsetsOf, fetchStatus } from '../http/status.ts';
import { createBatchLane } from './batch-lane.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint.ts';
import { createCheckpointKeeper } from './checkpoint-keeper.ts';
import type { EventIdOf } from './event-id.ts';
import type { ImportEnvironment } from './import-environment.ts';
import { createIssueList, type IssueList } from './issue-list.ts';
import type { CompiledMapping } from './mapping.ts';
import type { SourceRecord } from './record.ts';
import { readRecords } from './record-reader.ts';
import { type PreparedEvent, type Refusal, sendBatch } from './send-batch.ts';
import type { SourceFile } from './source-file.ts';

const BATCH_EVENTS = 1_000;
/** In characters: far enough below the server's limit of a body, even when each takes three bytes. */
const BATCH_LENGTH_MAX = 4 * 1_048_576;
const BATCHES_IN_FLIGHT = 4;
const RETRY_NOTE_INTERVAL_MS = 2_000;

/** What became of one file. */
export interface FileOutcome {
  readonly file: string;
  readonly records: number;
  /** Acknowledged by the server: stored, or known to it already. */
  readonly accepted: number;
  readonly rejected: number;
  readonly unreadable: number;
  /** Records that an interrupted run had settled and this one skipped; `accepted` and `rejected` count them too. */
  readonly resumedFrom: number;
}

export interface ImportJob {
  readonly file: string;
  readonly source: SourceFile;
  readonly compiled: CompiledMapping;
  readonly idOf: EventIdOf;
  readonly checkpoints: CheckpointFile;
  /** Where to go on; null to start at the beginning. */
  readonly checkpoint: Checkpoint | null;
}

interface Batch {
  readonly events: readonly PreparedEvent[];
  readonly lastRecord: number;
  readonly digest: string;
  readonly bytesRead: number;
}

interface SettledBatch {
  readonly batch: Batch;
  readonly refusals: readonly Refusal[];
}

/**
 * Imports one file in one pass: a few batches in memory, whatever its size.
 *
 * @returns `file-changed` when the checkpoint does not belong to what the file holds now; nothing was sent then
 * @throws CliFault when the file cannot be read or the server stops taking events; what was acknowledged stays so
 */
export async function runImport(
  job: ImportJob,
  environment: ImportEnvironment,
): Promise<FileOutcome | 'file-changed'> {
  const { checkpoint, file, source } = job;
  const { report } = environment;
  const rejected = createIssueList(report, file, 'rejected');
  const unreadable = createIssueList(report, file, 'unreadable');
  const keeper = createKeeper(job, environment);
  let settledEvents = 0;
  const lane = createBatchLane<SettledBatch>(BATCHES_IN_FLIGHT, ({ batch, refusals }) => {
    settledEvents += batch.events.length;
    for (const { line, reason } of refusals) rejected.add(line, reason);
    report.update({ bytes: batch.bytesRead, totalBytes: source.sizeBytes, events: settledEvents });
    keeper.advance({
      records: batch.lastRecord,
      digest: batch.digest,
      accepted: (checkpoint?.accepted ?? 0) + settledEvents - rejected.count(),
      rejected: (checkpoint?.rejected ?? 0) + rejected.count(),
    });
  });
  const send = createSender(environment);

  report.begin(file);
  let records = 0;
  try {
    for await (const item of readBatches(job, unreadable)) {
      if (item === 'file-changed') return item;
      records = item.lastRecord;
      if (item.events.length > 0) await lane.submit(() => send(item));
    }
    await lane.drain();
  } catch (error) {
    await lane.settle();
    await keeper.settle();
    throw error;
  }
  await keeper.finish();
  return {
    file,
    records,
    accepted: (checkpoint?.accepted ?? 0) + settledEvents - rejected.count(),
    rejected: (checkpoint?.rejected ?? 0) + rejected.count(),
    unreadable: unreadable.count(),
    resumedFrom: checkpoint?.records ?? 0,
  };
}

/** The batches behind the checkpoint; the last one may be empty, and tells how many records there are. */
async function* readBatches(job: ImportJob, unreadable: IssueList): AsyncGenerator<Batch | 'file-changed'> {
  const { checkpoint, compiled, idOf } = job;
  const resumeAt = checkpoint?.records ?? 0;
  const digest: Hash = createHash('sha256');
  let bytesRead = 0;
  let events: PreparedEvent[] = [];
  let length = 0;
  let lastRecord = 0;
  const takeBatch = (): Batch => {
    const batch = { events, lastRecord, digest: digest.copy().digest('base64url'), bytesRead };
    events = [];
    length = 0;
    return batch;
  };
  const add = (record: SourceRecord): void => {
    lastRecord = record.number;
    const id = idOf(record);
    digest.update(id);
    const event = compiled.toEvent(record, id);
    if (typeof event === 'string') unreadable.add(record.line, event);
    else if (record.number > resumeAt) {
      const json = JSON.stringify(event);
      length += json.length;
      events.push({ line: record.line, json });
    }
  };

  const chunks = job.source.read((bytes) => {
    bytesRead += bytes;
  });
  for await (const records of readRecords(chunks, compiled.mapping, compiled.columns)) {
    for (const record of records) {
      add(record);
      if (record.number === resumeAt && takeBatch().digest !== checkpoint?.digest) {
        yield 'file-changed';
        return;
      }
      if (events.length >= BATCH_EVENTS || length >= BATCH_LENGTH_MAX) yield takeBatch();
    }
  }
  yield lastRecord < resumeAt ? 'file-changed' : takeBatch();
}

function createSender(environment: ImportEnvironment): (batch: Batch) => Promise<SettledBatch> {
  const { context, report } = environment;
  let notedAtMs = Number.NEGATIVE_INFINITY;
  const onRetry = (reason: string, delayMs: number): void => {
    const nowMs = context.clock.nowMs();
    if (nowMs - notedAtMs < RETRY_NOTE_INTERVAL_MS) return;
    notedAtMs = nowMs;
    report.note(`${reason}; trying again in ${(delayMs / 1_000).toFixed(1)} s`);
  };
  return async (batch) => ({
    batch,
    refusals: await sendBatch(batch.events, {
      context,
      client: environment.client,
      ingestUrl: environment.settings.ingestUrl,
      retryTotalMs: environment.retryTotalMs,
      onRetry,
    }),
  });
}

function createKeeper(
  job: ImportJob,
  environment: ImportEnvironment,
): ReturnType<typeof createCheckpointKeeper> {
  const { client, context, report, settings } = environment;
  return createCheckpointKeeper({
    context,
    file: job.checkpoints,
    fetchEndOffsets: async () => endOffsetsOf(await fetchStatus(client, settings.url)),
    onTrouble: (reason) => {
      report.note(`${job.file}: an interruption would start this import from the beginning: ${reason}`);
    },
  });
}

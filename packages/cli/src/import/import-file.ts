import { createHash } from 'node:crypto';
import { fetchStatus, reachesAsFar } from '../http/status.ts';
import { type Checkpoint, type CheckpointFile, createCheckpointFile } from './checkpoint.ts';
import { createEventIds, fileIdentity } from './event-id.ts';
import type { ImportEnvironment } from './import-environment.ts';
import type { CompiledMapping } from './mapping.ts';
import { readRecords } from './record-reader.ts';
import { type FileOutcome, runImport } from './run-import.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';
import { messageOf } from '../thrown.ts';

/**
 * Imports one file; goes on from the checkpoint of an interrupted run where there is one that can be trusted.
 * @throws CliFault when the file cannot be read or the server stops taking events; what was acknowledged stays so
 */
export async function importFile(
  file: string,
  compiled: CompiledMapping,
  environment: ImportEnvironment,
): Promise<FileOutcome> {
  const { report, settings } = environment;
  const source = await openSourceFile(file);
  const firstRecord = await readFirstRecord(source, compiled);
  if (firstRecord === null) {
    return { file, records: 0, accepted: 0, rejected: 0, unreadable: 0, resumedFrom: 0 };
  }
  const checkpoints = createCheckpointFile(settings.stateDirectory, [
    settings.url,
    settings.ingestUrl,
    createHash('sha256').update(settings.apiKey).digest('hex'),
    fileIdentity(compiled, firstRecord),
  ]);
  const job = { file, source, compiled, idOf: createEventIds(compiled, firstRecord), checkpoints };
  const checkpoint = environment.restart ? null : await loadTrusted(checkpoints, environment);
  if (checkpoint !== null) {
    const outcome = await runImport({ ...job, checkpoint }, environment);
    if (outcome !== 'file-changed') return outcome;
    report.note(`${file} is not what the interrupted import read: starting from the beginning`);
  }
  const outcome = await runImport({ ...job, checkpoint: null }, environment);
  if (outcome === 'file-changed') throw new Error('Assertion failed: a file changed against no checkpoint');
  return outcome;
}

/** The text of the first record; null when the file has none. */
async function readFirstRecord(source: SourceFile, compiled: CompiledMapping): Promise<string | null> {
  for await (const records of readRecords(
    source.read(() => {}),
    compiled.mapping,
    compiled.columns,
  )) {
    return records[0]?.text ?? null;
  }
  return null;
}

/** Null when there is no checkpoint, or the server cannot be shown to hold what it claims. */
async function loadTrusted(
  checkpoints: CheckpointFile,
  environment: ImportEnvironment,
): Promise<Checkpoint | null> {
  const checkpoint = await checkpoints.load();
  if (checkpoint === null) return null;
  try {
    const status = await fetchStatus(environment.client, environment.settings.url);
    if (reachesAsFar(status, checkpoint.endOffsets)) return checkpoint;
    environment.report.note('the server holds less than at the interruption: starting from the beginning');
  } catch (error) {
    environment.context.signal.throwIfAborted();
    const reason = messageOf(error);
    environment.report.note(
      `what the server holds cannot be told, so starting from the beginning: ${reason}`,
    );
  }
  return null;
}

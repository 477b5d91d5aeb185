import { Readable } from 'node:stream';
import { AppError, MINUTE_MS } from '@tidemark/core';
import { type ExportedTable, type ExportOptions, exportTable } from '@tidemark/exports';
import type { ExportRun } from './export-register.ts';

/** A reader who takes nothing for so long is given up: a statement waits for them. */
export const READER_PAUSE_MAX_MS = 5 * MINUTE_MS;

export interface ExportStreamOptions extends ExportOptions {
  readonly pauseMaxMs: number;
  /** Ends the export with its reason: the client has gone, or the process stops. */
  readonly signal: AbortSignal;
  /** Called once when the export ends without being whole, unless the client has gone. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * The file of an export, made as it is read; keeps the books of the run and ends it. When it cannot be finished the stream is destroyed
 * with the error, so that nobody takes what was sent for the whole.
 */
export function exportStream(run: ExportRun, table: ExportedTable, options: ExportStreamOptions): Readable {
  const { progress } = run;
  const { pauseMaxMs, signal, onFailed, ...shape } = options;
  const onTruncated = (): void => void (progress.truncatedCells += 1);
  const counted = { ...table, batches: countRows(table.batches, progress) };
  const pieces = exportTable(progress.format, counted, { ...shape, onTruncated });
  let pause: NodeJS.Timeout | undefined;

  async function* paced(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces) {
        progress.bytesSent += piece.length;
        pause = setTimeout(() => stream.destroy(pauseError(pauseMaxMs)), pauseMaxMs);
        yield piece;
        clearTimeout(pause);
      }
      run.end('done');
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  function fail(error: unknown): void {
    const isGone = signal.aborted && !run.signal.aborted;
    if (progress.state === 'running' && !isGone) onFailed(error);
    run.end(isGone ? 'aborted' : 'failed', error);
  }

  const onAbort = (): void =>
    void stream.destroy(run.signal.aborted ? (run.signal.reason as Error) : undefined);
  const stream = Readable.from(paced(), { objectMode: false });
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('error', fail);
  stream.once('close', () => {
    clearTimeout(pause);
    signal.removeEventListener('abort', onAbort);
    run.end('aborted');
  });
  if (signal.aborted) onAbort();
  return stream;
}

async function* countRows(
  batches: ExportedTable['batches'],
  progress: ExportRun['progress'],
): ExportedTable['batches'] {
  for await (const batch of batches) {
    progress.rowsSent += batch.length;
    yield batch;
  }
}

function pauseError(pauseMaxMs: number): AppError {
  return new AppError('request-timeout', `the reader of the export took nothing for ${pauseMaxMs} ms`);
}

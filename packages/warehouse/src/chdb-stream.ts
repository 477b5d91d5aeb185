import { Readable } from 'node:stream';
import type { ChdbQueryStream, StreamChunk } from 'chdb';

export interface CursorReading {
  readonly cursor: ChdbQueryStream;
  /** Runs a fetch when it is its turn. */
  readonly inTurn: <T>(start: () => Promise<T>) => Promise<T>;
  /** Ends the stream with its reason, also while nobody reads. */
  readonly signal: AbortSignal;
  /** Called before `close` when the cursor was not read to its end. */
  readonly onUnfinished: () => void;
}

/**
 * The bytes of a result, fetched as they are read: one piece is in the buffer, the next in the engine. `close` comes when the engine
 * is done with the statement.
 */
export function readCursor({ cursor, inTurn, signal, onUnfinished }: CursorReading): Readable {
  const pieces = cursor[Symbol.asyncIterator]();
  let isAtEnd = false;
  let fetching: Promise<unknown> = Promise.resolve();

  async function fetch(): Promise<Buffer | null> {
    const piece = await inTurn<IteratorResult<StreamChunk, unknown>>(() => pieces.next());
    if (piece.done === true) {
      isAtEnd = true;
      return null;
    }
    const bytes = piece.value.raw();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async function release(onReleased: () => void): Promise<void> {
    await fetching;
    if (!isAtEnd) {
      cursor.cancel();
      onUnfinished();
    }
    onReleased();
  }

  const stream = new Readable({
    // A byte: the next piece is fetched when this one has been taken
    highWaterMark: 1,
    read() {
      fetching = fetch().then(
        (bytes) => void stream.push(bytes),
        (error: unknown) => void stream.destroy(signal.aborted ? toError(signal.reason) : toError(error)),
      );
    },
    destroy(error, done) {
      signal.removeEventListener('abort', onAbort);
      void release(() => done(error));
    },
  });
  const onAbort = (): void => void stream.destroy(toError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  // It may be destroyed before its reader listens; a reader finds it destroyed then
  stream.on('error', () => undefined);
  return stream;
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}

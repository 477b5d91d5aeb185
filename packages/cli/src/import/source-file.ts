import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CliFault, EXIT_FOUND, EXIT_USAGE } from '../fault.ts';
import { codeOf, messageOf } from '../thrown.ts';

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = [0x1f, 0x8b];

export interface SourceFile {
  readonly sizeBytes: number;
  /** The contents from the start, inflated when they are gzip. Each call reads anew. */
  read(onBytesRead: (bytes: number) => void): AsyncIterable<Uint8Array>;
}

/** @throws CliFault when the file cannot be read */
export async function openSourceFile(file: string): Promise<SourceFile> {
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new CliFault(`${file} is not a file`, EXIT_USAGE);
      const { buffer } = await handle.read(Buffer.alloc(GZIP_MAGIC.length), 0, GZIP_MAGIC.length, 0);
      const isGzip = GZIP_MAGIC.every((byte, index) => buffer[index] === byte);
      return { sizeBytes: stat.size, read: (onBytesRead) => readChunks(file, isGzip, onBytesRead) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toFault(file, error, EXIT_USAGE);
  }
}

async function* readChunks(
  file: string,
  isGzip: boolean,
  onBytesRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const plain = countBytes(createReadStream(file, { highWaterMark: CHUNK_BYTES }), onBytesRead);
  try {
    if (isGzip) {
      const inflated = createGunzip({ chunkSize: CHUNK_BYTES });
      // A fault of either end destroys the inflated stream with it, and so ends the loop below.
      pipeline(Readable.from(plain), inflated, () => {});
      yield* inflated as AsyncIterable<Uint8Array>;
    } else {
      yield* plain;
    }
  } catch (error) {
    throw toFault(file, error, EXIT_FOUND);
  }
}

async function* countBytes(
  chunks: AsyncIterable<Buffer>,
  onBytesRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytesRead(chunk.length);
    yield chunk;
  }
}

function toFault(file: string, error: unknown, exitCode: number): unknown {
  if (error instanceof CliFault || codeOf(error) === null) return error;
  return new CliFault(`${file} cannot be read: ${messageOf(error)}`, exitCode, error);
}

/** Reads and inflates a body under limits that hold while it arrives, not after. */
import { AppError } from '@tidemark/core';
import type { Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';

export interface BodyLimits {
  /** As it travels, when it is compressed. */
  readonly compressedBodyBytesMax: number;
  /** After inflation. */
  readonly bodyBytesMax: number;
}

export interface BodySource {
  readonly stream: Readable;
  /** `Content-Encoding`. */
  readonly encoding: string | undefined;
  /** `Content-Length`, when known: a body that is announced too large is not read at all. */
  readonly contentLength: number | undefined;
}

type DecoderFactory = () => Transform;

/** zstd came to Node with 22.15; where it is missing it is refused like any unknown encoding. */
const createZstd = (zlib as { readonly createZstdDecompress?: DecoderFactory }).createZstdDecompress;

const DECODERS: ReadonlyMap<string, DecoderFactory> = new Map<string, DecoderFactory>([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', () => zlib.createInflate()],
  ['br', () => zlib.createBrotliDecompress()],
  ...(createZstd === undefined ? [] : [['zstd', () => createZstd()] as const]),
]);

const SUPPORTED_ENCODINGS: readonly string[] = [...DECODERS.keys()];

/**
 * @param reserve called with the size of every inflated piece before it is kept; may throw to stop reading
 * @throws unsupported-encoding, body-too-large, malformed-body, and what `reserve` throws
 */
export async function readBody(
  source: BodySource,
  limits: BodyLimits,
  reserve: (bytes: number) => void,
): Promise<Buffer> {
  const { stream, contentLength } = source;
  try {
    const decoder = createDecoder(source.encoding);
    const sentBytesMax = decoder === null ? limits.bodyBytesMax : limits.compressedBodyBytesMax;
    if (contentLength !== undefined && contentLength > sentBytesMax)
      throw tooLarge(sentBytesMax, decoder !== null);
    if (decoder === null) return await collect(stream, limits.bodyBytesMax, reserve);
    return await inflate(stream, decoder, limits, reserve);
  } catch (error) {
    // What is still on its way is read and dropped, so that the answer reaches a client that is still sending.
    stream.resume();
    throw error;
  }
}

function createDecoder(encoding: string | undefined): Transform | null {
  const name = (encoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return null;
  const create = DECODERS.get(name);
  if (create !== undefined) return create();
  const detail = `Content-Encoding ${JSON.stringify(name)} is not one of ${SUPPORTED_ENCODINGS.join(', ')}`;
  throw new AppError('unsupported-encoding', detail);
}

async function inflate(
  stream: Readable,
  decoder: Transform,
  limits: BodyLimits,
  reserve: (bytes: number) => void,
): Promise<Buffer> {
  let sentBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    sentBytes += chunk.length;
    if (sentBytes > limits.compressedBodyBytesMax)
      decoder.destroy(tooLarge(limits.compressedBodyBytesMax, true));
  });
  stream.once('error', (error) => decoder.destroy(error));
  stream.once('close', () => {
    if (!stream.readableEnded) decoder.destroy(endedEarly());
  });
  stream.pipe(decoder);
  try {
    return await collect(decoder, limits.bodyBytesMax, reserve);
  } finally {
    stream.unpipe(decoder);
    decoder.destroy();
  }
}

/** Listeners rather than a for-await loop, which costs four times as much for small bodies. */
function collect(stream: Readable, bytesMax: number, reserve: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Some streams end and close, some only close: the first word counts.
    let isSettled = false;
    const stop = (error: unknown) => {
      if (isSettled) return;
      isSettled = true;
      stream.off('data', take);
      chunks.length = 0;
      reject(toBodyError(error));
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        stop(tooLarge(bytesMax, false));
        return;
      }
      try {
        reserve(chunk.length);
      } catch (error) {
        stop(error);
        return;
      }
      chunks.push(chunk);
    };
    stream.on('data', take);
    stream.once('end', () => {
      isSettled = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    stream.once('error', stop);
    stream.once('close', () => {
      if (!isSettled) stop(endedEarly());
    });
  });
}

function endedEarly(): AppError {
  return new AppError('malformed-body', 'the body ended too early');
}

function tooLarge(bytesMax: number, isCompressed: boolean): AppError {
  const what = isCompressed ? 'compressed body' : 'body';
  return new AppError('body-too-large', `the ${what} exceeds ${bytesMax} bytes; send the events in parts`);
}

/** Everything else a stream can say means that what arrived is not what was announced. */
function toBodyError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  return new AppError('malformed-body', 'the body cannot be inflated or ended too early', { cause: error });
}

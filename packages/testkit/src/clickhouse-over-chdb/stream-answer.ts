import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

const TAG_BYTES = 8;

/**
 * Sends a result while it is made, as the server does (25.11 and later) when nobody asks it to wait for the end: an exception that comes
 * before the first byte has a status of its own, one that comes later stands at the end of the body, between tags that a header announces.
 * @throws what the result throws, as long as nothing was sent
 */
export async function streamAnswer(
  response: ServerResponse,
  result: Readable,
  textOf: (error: unknown) => string,
): Promise<void> {
  const tag = randomBytes(TAG_BYTES).toString('hex');
  response.setHeader('X-ClickHouse-Exception-Tag', tag);
  response.once('close', () => result.destroy());
  try {
    for await (const bytes of result as AsyncIterable<Buffer>) {
      if (!response.write(bytes)) await untilDrained(response);
      if (response.destroyed) return;
    }
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    const text = `${textOf(error)}\n`;
    const length = Buffer.byteLength(text);
    response.end(`\r\n__exception__\r\n${tag}\r\n${text}${length} ${tag}\r\n__exception__\r\n`);
  }
}

/** Or closed. */
function untilDrained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

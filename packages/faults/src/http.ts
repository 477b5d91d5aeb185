/** One JSON request on a connection of its own: what happens to it says something about the server, not about a pool. */
import { type IncomingHttpHeaders, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface HttpRequest {
  readonly url: string;
  readonly key: string;
  /** GET when absent. */
  readonly body?: string;
  readonly timeoutMs: number;
}

/** @throws Error when the connection is refused, breaks or is silent for too long */
export function exchange({ url, key, body, timeoutMs }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        timeout: timeoutMs,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          try {
            const text = Buffer.concat(chunks).toString();
            const parsed = (text === '' ? {} : JSON.parse(text)) as HttpAnswer['body'];
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed });
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

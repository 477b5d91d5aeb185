/** Requests as bytes, so that nothing between here and the server corrects them, and answers as they come. */
import { connect } from 'node:net';

/** Of one answer; whatever comes beyond is not looked at. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** An answer that goes on for ever (server-sent events) is left after so long. */
const ENDLESS_MS = 400;
const HEAD_END = '\r\n\r\n';
const ENDLESS = /^content-type: text\/event-stream/im;

export interface RawRequest {
  readonly method: string;
  /** As it stands in the first line. One character is one byte (latin1). */
  readonly target: string;
  /** In this order, repeated ones too; bytes as in `target`. `Host` and `Connection: close` are added unless they are there. */
  readonly headers: readonly (readonly [string, string])[];
  /** Null: neither a body nor `Content-Length`. */
  readonly body: Buffer | null;
}

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; the last one when a header is repeated. */
  readonly headers: ReadonlyMap<string, string>;
  /** As sent, for what must not be in it. */
  readonly head: string;
  readonly body: string;
  readonly elapsedMs: number;
}

export interface SendOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

/**
 * One request on a connection of its own.
 * @throws Error when there is no answer: refused, broken off before an answer, or silent for too long
 */
export function sendRaw(request: RawRequest, options: SendOptions): Promise<RawAnswer> {
  const { host, port, timeoutMs, nowMs } = options;
  const startedAtMs = nowMs();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let end: AnswerEnd | null = null;
    const socket = connect({ host, port, noDelay: true });
    const deadline = setTimeout(() => finish(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    let leaving: NodeJS.Timeout | undefined;

    function finish(fault: Error | null): void {
      clearTimeout(deadline);
      clearTimeout(leaving);
      socket.destroy();
      const answer = parseAnswer(Buffer.concat(chunks), nowMs() - startedAtMs);
      // A server that refuses early closes while we still write: the answer counts, not how the connection ended.
      if (answer !== null) resolve(answer);
      else reject(fault ?? new Error('the connection was closed without an answer'));
    }

    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) return finish(null);
      if (end === null) {
        end = endOf(Buffer.concat(chunks), request.method);
        if (end === 'never') leaving = setTimeout(() => finish(null), ENDLESS_MS);
      }
      const isWhole = typeof end === 'number' ? bytes >= end : end === 'last chunk' && isLastChunk(chunks);
      if (isWhole) finish(null);
    });
    socket.once('end', () => finish(null));
    socket.once('error', (error) => finish(error));
    socket.once('connect', () => {
      socket.write(toHead(request, `${host}:${port}`));
      if (request.body !== null) socket.write(request.body);
    });
  });
}

/** Bytes in all, a chunk of nothing, the end of the connection, or never. Some connections outlive their answer. */
type AnswerEnd = number | 'last chunk' | 'close' | 'never';

/** Null while the headers are not there. */
function endOf(bytes: Buffer, method: string): AnswerEnd | null {
  const answer = parseAnswer(bytes, 0);
  if (answer === null) return null;
  const { status, head, headers } = answer;
  // Switched to another protocol: what comes then is not looked at.
  if (status === 101 || ENDLESS.test(head)) return 'never';
  const headEnd = bytes.indexOf(HEAD_END, bytes.indexOf(head)) + HEAD_END.length;
  if (method === 'HEAD' || status === 204 || status === 304) return headEnd;
  const length = headers.get('content-length');
  if (length !== undefined) return headEnd + Number(length);
  return headers.has('transfer-encoding') ? 'last chunk' : 'close';
}

const LAST_CHUNK = '0\r\n\r\n';

function isLastChunk(chunks: readonly Buffer[]): boolean {
  const tail = Buffer.concat(chunks.slice(-LAST_CHUNK.length)).toString('latin1');
  return tail.endsWith(`\r\n${LAST_CHUNK}`);
}

function toHead({ method, target, headers, body }: RawRequest, host: string): Buffer {
  const has = (name: string): boolean => headers.some(([sent]) => sent.toLowerCase() === name);
  const all = [
    ...(has('host') ? [] : [['Host', host] as const]),
    ...(has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(body === null || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(body.length)] as const]),
    ...headers,
  ];
  const lines = [`${method} ${target} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join('\r\n')}${HEAD_END}`, 'latin1');
}

/** Null unless there is a status and whole headers. */
export function parseAnswer(bytes: Buffer, elapsedMs: number): RawAnswer | null {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return null;
  const head = bytes.toString('latin1', 0, end);
  const [first = '', ...lines] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  if (!Number.isInteger(status)) return null;
  const rest = bytes.subarray(end + HEAD_END.length);
  // What comes before the answer proper: "send the body".
  if (status === 100) return parseAnswer(rest, elapsedMs);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const isChunked = headers.get('transfer-encoding')?.toLowerCase() === 'chunked';
  const length = Number(headers.get('content-length') ?? rest.length);
  const body = (isChunked ? joinChunks(rest) : rest.subarray(0, length)).toString('utf8');
  return { status, headers, head, body, elapsedMs };
}

/** As far as they came. */
function joinChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) break;
    const start = lineEnd + 2;
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
  return Buffer.concat(parts);
}

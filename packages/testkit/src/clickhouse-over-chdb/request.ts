import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';

/** What the ClickHouse HTTP interface was asked to do. */
export interface HttpStatement {
  readonly sql: string;
  /** The body that came with a `query` in the URL: the rows of an INSERT. */
  readonly values: Buffer | null;
  readonly database: string;
  readonly queryId: string | null;
  readonly settings: Readonly<Record<string, string>>;
  /** As sent: the text form of the engine's parameters. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A fault of the request, with the exception code that the server would give. */
export class HttpInterfaceError extends Error {
  readonly code: number;
  readonly type: string;

  constructor(code: number, type: string, message: string) {
    super(message);
    this.name = 'HttpInterfaceError';
    this.code = code;
    this.type = type;
  }
}

/** URL parameters that are neither settings nor bound values. */
const NOT_SETTINGS: ReadonlySet<string> = new Set([
  'query',
  'query_id',
  'database',
  'user',
  'password',
  'quota_key',
  'role',
  'stacktrace',
  'session_id',
  'session_timeout',
  'session_check',
]);

const PARAMETER_PREFIX = 'param_';

/** @throws HttpInterfaceError for bodies beyond the bound and for what is not supported here */
export async function readStatement(request: IncomingMessage, bodyBytesMax: number): Promise<HttpStatement> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await readBody(request, bodyBytesMax);
  const fields = new Map(url.searchParams);
  const boundary = multipartBoundary(request);
  if (boundary !== null) for (const [name, value] of parseMultipart(body, boundary)) fields.set(name, value);
  if (fields.has('session_id'))
    throw new HttpInterfaceError(48, 'NOT_IMPLEMENTED', 'Sessions are not supported here');

  const query = fields.get('query') ?? '';
  const bodyIsQuery = boundary === null && query === '';
  return {
    sql: bodyIsQuery ? body.toString('utf8') : query,
    values: boundary !== null || bodyIsQuery || body.length === 0 ? null : body,
    database: fields.get('database') ?? headerOf(request, 'x-clickhouse-database') ?? 'default',
    queryId: fields.get('query_id') ?? null,
    settings: Object.fromEntries(
      [...fields].filter(([name]) => !NOT_SETTINGS.has(name) && !name.startsWith(PARAMETER_PREFIX)),
    ),
    parameters: Object.fromEntries(
      [...fields]
        .filter(([name]) => name.startsWith(PARAMETER_PREFIX))
        .map(([name, value]) => [name.slice(PARAMETER_PREFIX.length), value]),
    ),
  };
}

export function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // The rest is read and dropped: a client that is still sending reads no answer
    if (bytes > bytesMax) chunks.length = 0;
    else chunks.push(chunk);
  }
  if (bytes > bytesMax) throw tooLarge(bytesMax);
  return decompress(Buffer.concat(chunks, bytes), headerOf(request, 'content-encoding'), bytesMax);
}

async function decompress(body: Buffer, encoding: string | null, bytesMax: number): Promise<Buffer> {
  if (encoding === null || encoding === 'identity') return body;
  const options = { maxOutputLength: bytesMax };
  try {
    if (encoding === 'gzip') return await promisify(gunzip)(body, options);
    if (encoding === 'br') return await promisify(brotliDecompress)(body, options);
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(bytesMax);
    throw new HttpInterfaceError(354, 'ZLIB_INFLATE_FAILED', `The body is not ${encoding}: ${String(error)}`);
  }
  throw new HttpInterfaceError(48, 'NOT_IMPLEMENTED', `Unknown compression method: ${encoding}`);
}

function tooLarge(bytesMax: number): HttpInterfaceError {
  return new HttpInterfaceError(307, 'TOO_MANY_BYTES', `The body exceeds the limit of ${bytesMax} bytes`);
}

function multipartBoundary(request: IncomingMessage): string | null {
  const type = headerOf(request, 'content-type') ?? '';
  const match = /^multipart\/form-data\s*;.*boundary="?([^";]+)"?/i.exec(type);
  return match?.[1] ?? null;
}

/** Fields only: external tables (parts with a file name) are refused. */
function parseMultipart(body: Buffer, boundary: string): [string, string][] {
  const parts = body.toString('utf8').split(`--${boundary}`).slice(1, -1);
  return parts.map((part) => {
    const headerEnd = part.indexOf('\r\n\r\n');
    const header = part.slice(0, headerEnd);
    const name = /name="([^"]*)"/i.exec(header)?.[1];
    if (name === undefined || /filename=/i.test(header)) {
      throw new HttpInterfaceError(48, 'NOT_IMPLEMENTED', 'External tables are not supported here');
    }
    return [name, part.slice(headerEnd + 4, -2)];
  });
}

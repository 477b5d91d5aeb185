import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ClickHouseError } from '@clickhouse/client';
import { isAppError } from '@tidemark/core';
import { inlineRows, parseInsertHead, splitSettings, toSummary } from '@tidemark/warehouse/chdb-connection';
import { openChdbEngine, type ChdbEngine, type EngineStatement } from '@tidemark/warehouse/chdb-engine';
import type { SessionOutcome } from '@tidemark/warehouse/chdb-session';
import { statusOfExceptionCode } from './http-status.ts';
import { HttpInterfaceError, headerOf, readStatement, type HttpStatement } from './request.ts';
import { streamAnswer } from './stream-answer.ts';

export interface ClickhouseOverChdbOptions {
  /** The data directory; this process must have no other open. */
  readonly path: string;
  /** 0 or absent: any free one. */
  readonly port?: number;
  readonly host?: string;
  /** Checked when given; otherwise every credential is good. */
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly queriesMax?: number;
  readonly insertsMax?: number;
  readonly bodyBytesMax?: number;
}

export interface ClickhouseOverChdb {
  /** `http://host:port` */
  readonly url: string;
  /** Takes no more requests, answers those it has, releases the directory. Idempotent. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX_DEFAULT = 512 * 1024 * 1024;
/** The server's own bound of a URI is 1 MiB (`http_max_uri_size`). */
const URI_BYTES_MAX = 1024 * 1024;
/** As the server announces since 23.11. */
const KEEP_ALIVE_MS = 10_000;

/**
 * The HTTP interface of ClickHouse in front of the engine of chDB, as far as `@clickhouse/client` and our executor speak it:
 * the engine, its SQL and its errors are real, access control, sessions, external tables and progress headers are not there. A result comes in pieces when `wait_end_of_query=0` says so.
 */
export async function startClickhouseOverChdb(
  options: ClickhouseOverChdbOptions,
): Promise<ClickhouseOverChdb> {
  const engine = openChdbEngine(options);
  const server = createServer(
    { maxHeaderSize: 2 * URI_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      void answer(engine, options, request, response);
    },
  );
  // An answer may take as long as its statement's own limit
  server.requestTimeout = 0;
  const host = options.host ?? '127.0.0.1';
  try {
    await listen(server, options.port ?? 0, host);
  } catch (error) {
    await engine.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${host}:${port}`,
    close() {
      closing ??= closeBoth(server, engine);
      return closing;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function closeBoth(server: Server, engine: ChdbEngine): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // Stops questions, so that their answers can be sent
  await engine.close();
  server.closeIdleConnections();
  await closed;
}

async function answer(
  engine: ChdbEngine,
  options: ClickhouseOverChdbOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/ping' || path === '/replicas_status') return sendText(response, 200, 'Ok.\n');
    if (path !== '/') return sendText(response, 404, 'There is no handle here\n');
    checkCredentials(options, request);
    const statement = await readStatement(request, options.bodyBytesMax ?? BODY_BYTES_MAX_DEFAULT);
    if (statement.sql.trim() === '') return sendText(response, 200, 'Ok.\n');
    await answerStatement(engine, statement, request, response);
  } catch (error) {
    // The client is gone, in the middle of its body: nothing was run and nobody waits for an answer
    if (!request.complete && request.destroyed) return;
    sendException(response, error);
  }
}

async function answerStatement(
  engine: ChdbEngine,
  asked: HttpStatement,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { settings, defaultFormat } = splitSettings(asked.settings);
  const queryId = asked.queryId ?? randomUUID();
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('The client closed the connection')));
  const stopsWithClient = asked.settings['cancel_http_readonly_queries_on_client_close'] === '1';
  const statement: EngineStatement = {
    sql: asked.sql,
    database: asked.database,
    settings,
    parameters: asked.parameters,
    queryId,
    ...(stopsWithClient && isReadonly(asked.sql) ? { signal: gone.signal } : {}),
  };
  response.setHeader('X-ClickHouse-Query-Id', queryId);
  response.setHeader('X-ClickHouse-Server-Display-Name', 'chdb');
  if (asked.values === null && asked.settings['wait_end_of_query'] === '0') {
    const result = await engine.stream(statement, defaultFormat);
    return streamAnswer(response, result, (error) => toException(error).text);
  }
  const outcome = await runOrInsert(engine, statement, asked.values, defaultFormat);
  response.setHeader('X-ClickHouse-Summary', JSON.stringify(toSummary(outcome)));
  response.setHeader('X-ClickHouse-Format', defaultFormat);
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  const wantsGzip = asked.settings['enable_http_compression'] === '1' && acceptsGzip(request);
  const bytes = Buffer.from(outcome.bytes.buffer, outcome.bytes.byteOffset, outcome.bytes.byteLength);
  if (!wantsGzip || bytes.length === 0) return send(response, 200, bytes);
  response.setHeader('Content-Encoding', 'gzip');
  return send(response, 200, await promisify(gzip)(bytes));
}

function runOrInsert(
  engine: ChdbEngine,
  statement: EngineStatement,
  values: Buffer | null,
  defaultFormat: string,
): Promise<SessionOutcome> {
  if (values === null) return engine.run(statement, defaultFormat);
  const head = parseInsertHead(statement.sql);
  if (head !== null) return engine.insert(statement, { ...head, values });
  return engine.run({ ...statement, sql: inlineRows(statement.sql, values) }, defaultFormat);
}

function isReadonly(sql: string): boolean {
  return /^\s*(select|with|show|describe|desc|exists|explain|\()/i.test(sql);
}

function acceptsGzip(request: IncomingMessage): boolean {
  return (headerOf(request, 'accept-encoding') ?? '').includes('gzip');
}

function checkCredentials(options: ClickhouseOverChdbOptions, request: IncomingMessage): void {
  const expected = options.credentials;
  if (expected === undefined) return;
  const basic = /^Basic (.+)$/i.exec(headerOf(request, 'authorization') ?? '')?.[1] ?? '';
  const byHeader = `${headerOf(request, 'x-clickhouse-user')}:${headerOf(request, 'x-clickhouse-key')}`;
  const given = basic === '' ? byHeader : Buffer.from(basic, 'base64').toString('utf8');
  if (given === `${expected.username}:${expected.password}`) return;
  throw new HttpInterfaceError(
    516,
    'AUTHENTICATION_FAILED',
    `${given.split(':')[0]}: Authentication failed: password is incorrect, or there is no user with such name.`,
  );
}

function sendException(response: ServerResponse, error: unknown): void {
  const { code, text } = toException(error);
  response.setHeader('X-ClickHouse-Exception-Code', String(code));
  sendText(response, statusOfExceptionCode(code), `${text}\n`);
}

function toException(error: unknown): { readonly code: number; readonly text: string } {
  if (error instanceof HttpInterfaceError) return worded(error.code, error.type, error.message);
  if (isAppError(error, 'warehouse-unavailable')) {
    return worded(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', error.message);
  }
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ClickHouseError)) return worded(1002, 'UNKNOWN_EXCEPTION', message);
  const code = Number(error.code);
  // The engine's own words are the cause; the client's error has them in parts, and not all of them
  if (error.cause instanceof Error && error.cause.message.startsWith('Code:'))
    return { code, text: error.cause.message };
  return worded(code, error.type ?? 'UNKNOWN_EXCEPTION', message);
}

function worded(
  code: number,
  type: string,
  message: string,
): { readonly code: number; readonly text: string } {
  return { code, text: `Code: ${code}. DB::Exception: ${message} (${type}) (version chDB)` };
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  send(response, status, Buffer.from(text));
}

function send(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'Content-Length': String(body.length) });
  response.end(body);
}

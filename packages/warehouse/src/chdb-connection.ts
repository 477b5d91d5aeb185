import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ClickHouseClientConfigOptions } from '@clickhouse/client';
import { assertThat } from '@tidemark/core';
import type { ChdbEngine, EngineStatement } from './chdb-engine.ts';
import { formatSqlParameter } from './chdb-parameters.ts';
import { RAW_FORMATS, type RawFormat, type SessionOutcome } from './chdb-session.ts';
import type { SqlParameter } from './port.ts';

/** What `createClient` takes as its `connection`. */
type Connection = NonNullable<ClickHouseClientConfigOptions['connection']>;
type ConnectionParams = Parameters<Connection['query']>[0];

/** What only the HTTP interface knows; in process a statement is always at its end when it returns. */
const HTTP_SETTINGS: ReadonlySet<string> = new Set([
  'wait_end_of_query',
  'http_response_buffer_size',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'enable_http_compression',
  'cancel_http_readonly_queries_on_client_close',
]);

const TABLE_NAME = /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?$/;
const INSERT_HEAD =
  /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([^\s(]+)\s*(?:\(([^()]*)\))?\s*FORMAT\s+(\w+)\s*;?\s*$/i;

/** An INSERT whose rows come apart from it. */
export interface InsertHead {
  readonly table: string;
  readonly columns: readonly string[] | null;
  readonly format: RawFormat;
}

/** Null when the statement is another one, or one the engine's raw door does not take. */
export function parseInsertHead(sql: string): InsertHead | null {
  const match = INSERT_HEAD.exec(sql);
  if (match === null) return null;
  const table = (match[1] ?? '').replaceAll('`', '');
  const columns = match[2]?.split(',').map((name) => name.trim().replaceAll('`', '')) ?? null;
  const format = RAW_FORMATS.find((name) => name.toLowerCase() === match[3]?.toLowerCase());
  if (format === undefined || !TABLE_NAME.test(table)) return null;
  if (columns !== null && !columns.every((name) => /^\w+$/.test(name))) return null;
  return { table, columns, format };
}

/** Splits what clickhouse clients call settings into what the engine can be told and the format of the result. */
export function splitSettings(settings: Readonly<Record<string, unknown>>): {
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly defaultFormat: string;
} {
  const kept: Record<string, string | number | boolean> = {};
  let defaultFormat = 'TabSeparated';
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || HTTP_SETTINGS.has(name)) continue;
    assertThat(
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean',
      `setting ${name} is text, a number or a boolean, not ${typeof value}`,
    );
    if (name === 'default_format') defaultFormat = String(value);
    else kept[name] = value;
  }
  return { settings: kept, defaultFormat };
}

/** The statement with its rows behind it, for formats without a raw door. */
export function inlineRows(sql: string, values: Buffer): string {
  return `${sql}\n${values.toString('utf8')}`;
}

/**
 * `@clickhouse/client` over an engine in this process. Unlike the connection that comes with chDB it binds parameters of
 * several statements at once, keeps settings from leaking into the next statement, really stops what is aborted, and
 * hands insert bodies over as bytes.
 * The engine is not its own: `close` leaves it open.
 */
export function createEngineConnection(engine: ChdbEngine, database: string): Connection {
  const toStatement = (params: ConnectionParams): [EngineStatement, string] => {
    const { settings, defaultFormat } = splitSettings({ ...params.clickhouse_settings });
    const parameters: Record<string, string> = {};
    for (const [name, value] of Object.entries(params.query_params ?? {})) {
      parameters[name] = formatSqlParameter(value as SqlParameter);
    }
    const statement: EngineStatement = {
      sql: params.query,
      database,
      settings,
      parameters,
      queryId: params.query_id ?? randomUUID(),
      ...(params.abort_signal === undefined ? {} : { signal: params.abort_signal }),
    };
    return [statement, defaultFormat];
  };

  const run = async (params: ConnectionParams, values: Buffer | null) => {
    const [statement, defaultFormat] = toStatement(params);
    if (values === null && asksForStream(params)) {
      const stream = await engine.stream(statement, defaultFormat);
      return { stream, query_id: statement.queryId, response_headers: {}, http_status_code: 200 };
    }
    const head = values === null ? null : parseInsertHead(params.query);
    const outcome =
      values === null
        ? await engine.run(statement, defaultFormat)
        : head === null
          ? await engine.run({ ...statement, sql: inlineRows(params.query, values) }, defaultFormat)
          : await engine.insert(statement, { ...head, values });
    return {
      stream: Readable.from(
        [Buffer.from(outcome.bytes.buffer, outcome.bytes.byteOffset, outcome.bytes.byteLength)],
        {
          objectMode: false,
        },
      ),
      query_id: statement.queryId,
      response_headers: {},
      http_status_code: 200,
      summary: toSummary(outcome),
    };
  };

  return {
    query: (params) => run(params, null),
    command: (params) => run(params, null),
    exec: async (params) => run(params, params.values === undefined ? null : await readAll(params.values)),
    insert: async (params) => run(params, await readAll(params.values)),
    async ping() {
      try {
        await run({ query: 'SELECT 1' }, null);
        return { success: true };
      } catch (error) {
        return { success: false, error: error instanceof Error ? error : new Error(String(error)) };
      }
    },
    close: () => Promise.resolve(),
  };
}

/** As over HTTP: an answer that is not waited for comes while the statement runs. */
function asksForStream({ clickhouse_settings }: ConnectionParams): boolean {
  return clickhouse_settings?.wait_end_of_query === 0;
}

/** One chunk passes through without a copy. */
async function readAll(values: Readable | string): Promise<Buffer> {
  if (typeof values === 'string') return Buffer.from(values);
  const chunks: Buffer[] = [];
  for await (const chunk of values)
    chunks.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as string));
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

export function toSummary(outcome: SessionOutcome): {
  read_rows: string;
  read_bytes: string;
  written_rows: string;
  written_bytes: string;
  total_rows_to_read: string;
  result_rows: string;
  result_bytes: string;
  elapsed_ns: string;
} {
  return {
    read_rows: String(outcome.rowsRead),
    read_bytes: String(outcome.bytesRead),
    written_rows: String(outcome.rowsWritten),
    written_bytes: String(outcome.bytesWritten),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: String(outcome.bytes.byteLength),
    elapsed_ns: String(Math.round(outcome.elapsedSeconds * 1e9)),
  };
}

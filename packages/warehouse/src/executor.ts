import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';
import { AppError, assertThat } from '@tidemark/core';
import { toWarehouseError, type StatementKind } from './errors.ts';
import { STREAM_TIMEOUT_DEFAULT_MS, streamBatches } from './executor-stream.ts';
import type {
  Row,
  RowInsert,
  SqlParameter,
  Statement,
  WarehouseCapabilities,
  WarehouseExecutor,
} from './port.ts';

/** Beyond this an insert would be more than one block. */
export const INSERT_ROWS_MAX = 1_000_000;
export const INSERT_BYTES_MAX = 256 * 1024 * 1024;

/** How much longer than the engine the client waits, for the network and the queue. */
const CLIENT_GRACE_MS = 2_000;
const STATEMENT_TIMEOUT_DEFAULT_MS = 60_000;
const PING_TIMEOUT_MS = 5_000;

/** One insert is one block is one part: the squashing thresholds are beyond anything an insert may hold. */
const BLOCK_ROWS = 10 * INSERT_ROWS_MAX;

/** Pinned, because their defaults have changed between releases and differ between server and chDB. */
const OUTPUT_SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_denormals: 0,
  // The status of the answer is known only at its end; without this an error may follow rows already sent
  wait_end_of_query: 1,
};

const INSERT_SETTINGS: ClickHouseSettings = {
  async_insert: 0,
  wait_end_of_query: 1,
  input_format_allow_errors_num: '0',
  input_format_allow_errors_ratio: 0,
  input_format_skip_unknown_fields: 0,
  // RFC 3339 with `Z` and any number of decimals
  date_time_input_format: 'best_effort',
  // An array's type takes no null beside arrays: `[[1], null]` in JSON becomes `[[1], []]` instead of unacceptable
  input_format_null_as_default: 1,
  // Text in JSON stays the text it was: guessed as a date it came back in another form, and whether it was guessed hung on
  // the other rows of the batch
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  max_insert_block_size: String(BLOCK_ROWS),
  min_insert_block_size_rows: String(BLOCK_ROWS),
  min_insert_block_size_bytes: '0',
  max_insert_threads: '1',
  // Chunks of the body are parsed at once (a third faster for 15 MB on two cores) and squashed into the one block
  input_format_parallel_parsing: 1,
};

/** What is asked of a logger here; pino's has it. */
export interface WarehouseLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ExecutorOptions {
  readonly client: ClickHouseClient;
  readonly capabilities: WarehouseCapabilities;
  /** Settings of every statement; the statement's own win. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly log?: WarehouseLog;
  /** After the client is closed. */
  readonly onClosed?: () => Promise<void>;
}

/** The port over any `@clickhouse/client`: the two adapters differ in what they connect it to. */
export function createExecutor(options: ExecutorOptions): WarehouseExecutor {
  const { client } = options;
  let closing: Promise<void> | null = null;

  const assertOpen = (): void => {
    if (closing !== null)
      throw new AppError('warehouse-unavailable', 'The connection to the warehouse is closed');
  };

  const close = async (): Promise<void> => {
    await client.close();
    await options.onClosed?.();
  };

  return {
    capabilities: options.capabilities,
    async query<T extends Row>(statement: Statement): Promise<T[]> {
      assertOpen();
      const params = {
        ...toParams(options, statement),
        query: statement.sql,
        format: 'JSONEachRow' as const,
      };
      return withDeadline(options, 'query', statement, async (abort_signal) => {
        const result = await client.query({ ...params, abort_signal });
        return result.json<T>();
      });
    },
    stream<T extends Row>(statement: Statement): AsyncIterable<readonly T[]> {
      assertOpen();
      const { timeoutMs = STREAM_TIMEOUT_DEFAULT_MS } = statement;
      const params = { ...toParams(options, { ...statement, timeoutMs }), query: statement.sql };
      const clientTimeoutMs = timeoutMs + CLIENT_GRACE_MS;
      return streamBatches<T>(client, params, { ...statement, timeoutMs: clientTimeoutMs });
    },
    async command(statement) {
      assertOpen();
      const params = { ...toParams(options, statement), query: statement.sql };
      await withDeadline(options, 'query', statement, (abort_signal) =>
        client.command({ ...params, abort_signal }),
      );
    },
    async insert(insert) {
      assertOpen();
      if (insert.rowCount === 0) return;
      assertOneBlock(insert);
      await withDeadline(options, 'insert', insert, (abort_signal) =>
        sendInsert(options, insert, abort_signal),
      );
    },
    async ping() {
      assertOpen();
      await withDeadline(options, 'query', { timeoutMs: PING_TIMEOUT_MS }, async (abort_signal) => {
        const result = await client.ping({ select: true, abort_signal });
        if (!result.success) throw result.error;
      });
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function toParams(options: ExecutorOptions, statement: Statement) {
  const parameters = statement.parameters ?? {};
  for (const [name, value] of Object.entries(parameters)) assertBindable(name, value);
  return {
    query_params: { ...parameters },
    clickhouse_settings: {
      ...OUTPUT_SETTINGS,
      ...timeLimit(statement.timeoutMs),
      ...options.settings,
      ...statement.settings,
    },
    ...(statement.queryId === undefined ? {} : { query_id: statement.queryId }),
  };
}

async function sendInsert(
  options: ExecutorOptions,
  insert: RowInsert,
  abort_signal: AbortSignal,
): Promise<void> {
  const token = insert.deduplicationToken;
  const result = await options.client.exec({
    query: `INSERT INTO ${insert.table} FORMAT JSONEachRow`,
    values: Readable.from(insert.ndjson, { objectMode: false }),
    clickhouse_settings: {
      ...options.settings,
      ...INSERT_SETTINGS,
      ...timeLimit(insert.timeoutMs),
      ...deduplication(token),
    },
    // A body of known length: a server never takes a part of it for the whole, as it can with chunks
    http_headers: { 'Content-Length': String(insert.ndjson.byteLength) },
    abort_signal,
    ...(insert.queryId === undefined ? {} : { query_id: insert.queryId }),
  });
  // Empty; the socket is not free, and the insert not over, before its end
  result.stream.resume();
  await finished(result.stream);
}

/**
 * Without a token nothing is compared: equal blocks are not copies, the caller's own bookkeeping says what is.
 * `deduplicate_insert` (26.2 and later) overrules `insert_deduplicate`: left at its default, an equal block without a token
 * was dropped and success reported (measured on 26.7).
 */
function deduplication(token: string | undefined): ClickHouseSettings {
  return token === undefined
    ? { insert_deduplicate: 0, deduplicate_insert: 'disable' }
    : { insert_deduplicate: 1, deduplicate_insert: 'enable', insert_deduplication_token: token };
}

function timeLimit(timeoutMs: number = STATEMENT_TIMEOUT_DEFAULT_MS): ClickHouseSettings {
  return { max_execution_time: timeoutMs / 1_000, timeout_overflow_mode: 'throw' };
}

/**
 * Runs one statement, and gives up on it a little after the engine should have. What runs on is told to stop by the signal.
 * @throws what the port promises; the signal's reason when the caller aborted
 */
async function withDeadline<T>(
  options: ExecutorOptions,
  kind: StatementKind,
  limits: { readonly timeoutMs?: number; readonly signal?: AbortSignal; readonly queryId?: string },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = limits.timeoutMs ?? STATEMENT_TIMEOUT_DEFAULT_MS;
  limits.signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(limits.signal?.reason);
  limits.signal?.addEventListener('abort', onAbort, { once: true });
  const onDeadline = (): void => {
    options.log?.warn({ kind, timeoutMs, queryId: limits.queryId }, 'the warehouse did not answer in time');
    stop.abort(deadlineError(kind, timeoutMs));
  };
  const timer = setTimeout(onDeadline, timeoutMs + CLIENT_GRACE_MS);
  try {
    return await raceAbort(run(stop.signal), stop.signal);
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw toWarehouseError(kind, error);
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', onAbort);
  }
}

function deadlineError(kind: StatementKind, timeoutMs: number): AppError {
  const code = kind === 'insert' ? 'insert-in-doubt' : 'query-timeout';
  return new AppError(code, `No answer ${timeoutMs + CLIENT_GRACE_MS} ms after the statement was sent`);
}

function raceAbort<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('Aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function assertOneBlock(insert: RowInsert): void {
  assertThat(
    insert.rowCount <= INSERT_ROWS_MAX && insert.ndjson.byteLength <= INSERT_BYTES_MAX,
    `an insert holds at most ${INSERT_ROWS_MAX} rows and ${INSERT_BYTES_MAX} bytes; ${insert.table} got ${insert.rowCount} and ${insert.ndjson.byteLength}`,
  );
}

function assertBindable(name: string, value: SqlParameter): void {
  if (typeof value === 'number')
    assertThat(Number.isFinite(value), `parameter ${name} is finite, not ${value}`);
  else if (Array.isArray(value))
    for (const element of value as readonly SqlParameter[]) assertBindable(name, element);
}

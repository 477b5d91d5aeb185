import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { parseError } from '@clickhouse/client';
import { AppError } from '@tidemark/core';
import { createLane, type Lane } from './chdb-lanes.ts';
import { loadChdb } from './chdb-native.ts';
import { readCursor } from './chdb-stream.ts';
import { ChdbSession, type RawFormat, type SessionOutcome, type SessionStatement } from './chdb-session.ts';
import { toLiteral } from './clickhouse-literals.ts';

/**
 * The engine runs each statement on a thread of libuv's pool (4 unless UV_THREADPOOL_SIZE says otherwise), which file
 * system, DNS and zlib calls of the process share. 2 + 1 leaves one for them and for the KILL of a statement out of time.
 */
export const CHDB_QUERIES_DEFAULT = 2;
export const CHDB_INSERTS_DEFAULT = 1;
/** Results being streamed. Each has a connection and buffers of its own, and a thread only while a piece of it is fetched. */
const STREAMS_MAX = 8;
/** Pieces fetched at once: one of the places of questions is never taken by them. */
const FETCHES_MAX = 1;
const WAITING_MAX_DEFAULT = 256;
/** A KILL that comes before the statement has begun finds nothing, so it is repeated. */
const KILL_INTERVAL_MS = 50;

export interface ChdbEngineOptions {
  /** The data directory; made when absent. One per process, and one process per directory. */
  readonly path: string;
  /** Queries and commands at once. With `insertsMax` it must stay below the size of libuv's thread pool. */
  readonly queriesMax?: number;
  /** Inserts at once; they have their own threads, so that no question holds them up. */
  readonly insertsMax?: number;
  /** Statements that may wait, per lane; more are refused with warehouse-unavailable. */
  readonly waitingMax?: number;
}

export interface EngineStatement extends SessionStatement {
  /** Shows as `log_comment`, and is refused while another statement of this id runs: chDB has no query ids of its own. */
  readonly queryId: string;
  readonly signal?: AbortSignal;
}

export interface RawInsert {
  readonly table: string;
  /** Null: all columns, by name or in order as the format has it. */
  readonly columns: readonly string[] | null;
  readonly format: RawFormat;
  readonly values: Buffer;
}

export interface ChdbEngine {
  /**
   * `defaultFormat` is of the result when the SQL names none.
   * @throws ClickHouseError from the engine; warehouse-unavailable when too much waits; the signal's reason
   */
  run(statement: EngineStatement, defaultFormat: string): Promise<SessionOutcome>;
  /**
   * Resolves when the statement has begun; its bytes come as they are read. Destroying the stream ends the statement.
   * @throws as `run`, and so does the stream
   */
  stream(statement: EngineStatement, defaultFormat: string): Promise<Readable>;
  /** Same errors; the SQL of the statement is ignored. */
  insert(statement: EngineStatement, insert: RawInsert): Promise<SessionOutcome>;
  /** Kills questions, lets inserts end, waits for both and gives the directory back. Idempotent. */
  close(): Promise<void>;
}

/** One engine, so one data directory, per process. */
let directoryInUse: string | null = null;

/** @throws Error when this process has a data directory open; warehouse-unavailable when another process has this one */
export function openChdbEngine(options: ChdbEngineOptions): ChdbEngine {
  const directory = resolve(options.path);
  if (directoryInUse !== null) {
    throw new Error(
      `chDB opens one data directory per process: ${directoryInUse} is open, so ${directory} cannot be; close that first`,
    );
  }
  // Held as long as the engine: a directory without a connection is closed, and opening costs 50 ms against 0.2 ms
  const control = openSession(directory);
  directoryInUse = directory;
  return new Engine(directory, control, options);
}

function openSession(directory: string): ChdbSession {
  try {
    return new ChdbSession(directory);
  } catch (error) {
    throw new AppError(
      'warehouse-unavailable',
      `chDB cannot open ${directory}; it may be open in another process (see standard error for the engine's reason)`,
      { cause: error },
    );
  }
}

class Engine implements ChdbEngine {
  readonly #directory: string;
  readonly #control: ChdbSession;
  readonly #queries: Lane;
  readonly #inserts: Lane;
  readonly #streams: Lane;
  readonly #fetches: Lane;
  readonly #idle: ChdbSession[] = [];
  readonly #running = new Map<string, AbortController>();
  #killing: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(directory: string, control: ChdbSession, options: ChdbEngineOptions) {
    this.#directory = directory;
    this.#control = control;
    const waitingMax = options.waitingMax ?? WAITING_MAX_DEFAULT;
    const queriesMax = options.queriesMax ?? CHDB_QUERIES_DEFAULT;
    const insertsMax = options.insertsMax ?? CHDB_INSERTS_DEFAULT;
    this.#queries = createLane({ name: 'query', width: queriesMax, waitingMax });
    this.#inserts = createLane({ name: 'insert', width: insertsMax, waitingMax });
    this.#streams = createLane({ name: 'stream', width: STREAMS_MAX, waitingMax });
    this.#fetches = createLane({ name: 'fetch', width: FETCHES_MAX, waitingMax });
  }

  run(statement: EngineStatement, defaultFormat: string): Promise<SessionOutcome> {
    return this.#execute(this.#queries, statement, (session, tagged) => session.run(tagged, defaultFormat));
  }

  insert(statement: EngineStatement, insert: RawInsert): Promise<SessionOutcome> {
    return this.#execute(this.#inserts, { ...statement, sql: '' }, (session, tagged) =>
      session.insert(tagged, insert, insert.values),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async stream(statement: EngineStatement, defaultFormat: string): Promise<Readable> {
    const { queryId } = statement;
    const { signal, leave } = this.#enter(statement);
    const held: (() => Promise<void> | void)[] = [leave];
    const letGo = async (): Promise<void> => {
      for (const release of held.splice(0).toReversed()) await release();
    };
    try {
      held.push(await this.#streams.acquire(signal));
      const session = this.#takeSession(statement);
      held.push(() => this.#giveBack(session));
      const tagged = { ...statement, settings: { ...statement.settings, log_comment: queryId } };
      const inTurn = <T>(start: () => Promise<T>): Promise<T> => this.#fetchInTurn(queryId, signal, start);
      const cursor = await inTurn(() => session.open(tagged, defaultFormat));
      const stream = readCursor({ cursor, inTurn, signal, onUnfinished: () => session.retire() });
      stream.once('close', () => void letGo());
      return stream;
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  async #execute(
    lane: Lane,
    statement: EngineStatement,
    start: (session: ChdbSession, tagged: SessionStatement) => Promise<SessionOutcome>,
  ): Promise<SessionOutcome> {
    const { queryId } = statement;
    const { signal, leave } = this.#enter(statement);
    // Closing stops questions; an insert that has begun is worth its wait, for killing it leaves it in doubt
    const killSignal = lane === this.#inserts ? statement.signal : signal;
    try {
      const release = await lane.acquire(signal);
      try {
        const session = this.#takeSession(statement);
        const settings = { ...statement.settings, log_comment: queryId };
        try {
          return await this.#untilDone(queryId, killSignal, start(session, { ...statement, settings }));
        } finally {
          await this.#giveBack(session);
        }
      } finally {
        release();
      }
    } finally {
      leave();
    }
  }

  /** Takes the statement's id until `leave`. The signal is the statement's own, and that of the engine's end. */
  #enter({ queryId, signal }: EngineStatement): { readonly signal: AbortSignal; readonly leave: () => void } {
    if (this.#closing !== null) throw new AppError('warehouse-unavailable', 'The embedded engine is closed');
    if (this.#running.has(queryId)) throw runningAlready(queryId);
    const stop = new AbortController();
    this.#running.set(queryId, stop);
    return {
      signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]),
      leave: () => void this.#running.delete(queryId),
    };
  }

  /** Between its pieces a stream has no thread and holds up nobody. */
  async #fetchInTurn<T>(queryId: string, signal: AbortSignal, start: () => Promise<T>): Promise<T> {
    const releaseFetch = await this.#fetches.acquire(signal);
    try {
      const releaseQuery = await this.#queries.acquire(signal);
      try {
        return await this.#untilDone(queryId, signal, start());
      } finally {
        releaseQuery();
      }
    } finally {
      releaseFetch();
    }
  }

  /** Waits for the native end whatever happens: its thread and its connection are busy until then. */
  async #untilDone<T>(queryId: string, signal: AbortSignal | undefined, running: Promise<T>): Promise<T> {
    let killer: NodeJS.Timeout | undefined;
    const kill = (): void => {
      killer ??= setInterval(() => this.#kill(queryId), KILL_INTERVAL_MS);
      this.#kill(queryId);
    };
    signal?.addEventListener('abort', kill, { once: true });
    try {
      return await running;
    } catch (error) {
      throw toEngineError(error);
    } finally {
      clearInterval(killer);
      signal?.removeEventListener('abort', kill);
    }
  }

  async #giveBack(session: ChdbSession): Promise<void> {
    if (session.retired) await session.close();
    else this.#idle.push(session);
  }

  #takeSession(statement: SessionStatement): ChdbSession {
    const index = this.#idle.findIndex((session) => session.suits(statement));
    const [session] = index < 0 ? [] : this.#idle.splice(index, 1);
    if (session !== undefined) return session;
    // None is free, or each remembers a parameter that this statement names without giving it
    void this.#idle.pop()?.close();
    return openSession(this.#directory);
  }

  #kill(queryId: string): void {
    const sql = `KILL QUERY WHERE Settings['log_comment'] = ${toLiteral(queryId)} ASYNC`;
    const statement = { sql, database: 'default', settings: {}, parameters: {} };
    // A failed KILL is repeated by the interval for as long as the statement runs
    this.#killing = this.#killing.then(() => this.#control.run(statement, 'Null')).catch(() => undefined);
  }

  async #shutDown(): Promise<void> {
    for (const stop of this.#running.values())
      stop.abort(new AppError('warehouse-unavailable', 'The engine closes'));
    await Promise.all([this.#queries, this.#inserts, this.#streams].map((lane) => lane.drained()));
    await this.#killing;
    await Promise.all([...this.#idle.splice(0), this.#control].map((session) => session.close()));
    await loadChdb().drainPending();
    directoryInUse = null;
  }
}

/** The words and the code of the server for the same thing. */
function runningAlready(queryId: string): Error {
  return parseError(
    `Code: 216. DB::Exception: Query with id = ${queryId} is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)`,
  );
}

/** chDB's own error classes become the ClickHouseError that `@clickhouse/client` makes of the same text over HTTP. */
function toEngineError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`chDB threw ${typeof error}`, { cause: error });
  const parsed = parseError(error.message);
  if (parsed === error) return error;
  parsed.cause ??= error;
  return parsed;
}

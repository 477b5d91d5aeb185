/**
 * The warehouse: the ClickHouse engine, in-process (chDB) or as a server, behind the same SQL. This port is what the
 * two executors must do; what the SQL says is in `schema/`, `events.ts` and `rollups.ts` of this package and in
 * `@tidemark/query`.
 */

/** Bound as `{name:Type}` in the SQL; arrays become ClickHouse arrays, Maps are not used. */
export type SqlParameter = string | number | bigint | boolean | null | readonly SqlParameter[];

export interface Statement {
  readonly sql: string;
  readonly parameters?: Readonly<Record<string, SqlParameter>>;
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Shows in the engine's own tables; a second statement with the id of a running one is refused. */
  readonly queryId?: string;
  /** Upper bound of the engine's time on it; the client waits a little longer, then gives up. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A row as JSONEachRow gives it: 64-bit integers and decimals as strings. */
export type Row = Readonly<Record<string, unknown>>;

export interface RowInsert {
  readonly table: string;
  /** JSONEachRow lines, one object a line, UTF-8, '\n' between (and perhaps after) them. */
  readonly ndjson: Buffer;
  readonly rowCount: number;
  /** A second guard against doubles, never the first. */
  readonly deduplicationToken?: string;
  readonly queryId?: string;
  readonly timeoutMs?: number;
}

/** What differs between the adapters, by name. */
export interface WarehouseCapabilities {
  /** True when several processes may use the same data at once. */
  readonly shared: boolean;
}

export interface WarehouseExecutor {
  readonly capabilities: WarehouseCapabilities;
  /**
   * @throws query-timeout; query-too-expensive (memory, rows or result limits); warehouse-unavailable (no connection, or the
   * server is overloaded); invalid-query never: SQL the engine rejects is a bug and surfaces as a plain Error with its code
   */
  query<T extends Row>(statement: Statement): Promise<T[]>;
  /**
   * The rows in batches, as the engine finds them: results of any size in bounded memory, of which the engine makes little more than has
   * been read. All rows are of the moment the statement began: later inserts are not seen. A reader that stops before the end, or the
   * signal, ends the statement; a reader that pauses holds up no other statement. `timeoutMs` (an hour when absent) includes the
   * reader's pauses.
   * @throws as `query`, while iterating, also after batches have been given: only what ends without an error is whole
   */
  stream<T extends Row>(statement: Statement): AsyncIterable<readonly T[]>;
  /** DDL, INSERT SELECT and everything else without a result. Durable on return. Same errors as `query`. */
  command(statement: Statement): Promise<void>;
  /**
   * ONE block, ONE synchronous insert (`async_insert=0`, `wait_end_of_query=1`, unknown fields and bad rows are errors): all
   * rows or none. Durable on return.
   * @throws insert-refused: definitely nothing was stored and the same rows will be refused again (data the engine cannot
   * parse or convert); insert-in-doubt: time-out, broken connection, any answer that leaves the outcome open: the caller
   * must read back; warehouse-unavailable: definitely nothing was stored, try later (too many parts, memory, no connection made)
   */
  insert(insert: RowInsert): Promise<void>;
  /** @throws warehouse-unavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

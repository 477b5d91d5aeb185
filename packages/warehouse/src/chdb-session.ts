import type { ChdbQueryStream } from 'chdb';
import type { ChdbConnection } from 'chdb/connection';
import { loadChdbConnection } from './chdb-native.ts';
import { quoteIdentifier, toLiteral } from './clickhouse-literals.ts';

export interface SessionStatement {
  readonly sql: string;
  readonly database: string;
  /** Names are checked, values become literals. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Already in the text form of the engine's parameters (TSV escapes); bound by the engine, not put into the SQL. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the engine says about a finished statement. */
export interface SessionOutcome {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly elapsedSeconds: number;
}

/**
 * One connection to the embedded engine, used by one statement at a time (the engine serialises them anyway).
 *
 * chDB has no settings or parameters per statement that hold for every kind of statement and run in parallel: its own
 * parameter binding is serialised over the whole process. `SET x = …` and `SET param_x = …` do, but they stay with the
 * connection; so this class remembers what it set, resets settings nobody asked for, and reports itself unusable for a
 * statement that names a parameter left over from another one (which might be another tenant's value).
 */
export class ChdbSession {
  readonly #connection: ChdbConnection;
  #database = 'default';
  #settingNames: ReadonlySet<string> = new Set();
  readonly #parameterNames = new Set<string>();
  #retired = false;

  constructor(path: string) {
    this.#connection = loadChdbConnection().createChdbConnection({ path });
  }

  /** True when the connection must be replaced before it is used again. */
  get retired(): boolean {
    return this.#retired;
  }

  /** False when a parameter of an earlier statement would show through. */
  suits(statement: SessionStatement): boolean {
    for (const name of this.#parameterNames) {
      if (!(name in statement.parameters) && namesParameter(statement.sql, name)) return false;
    }
    return true;
  }

  async run(statement: SessionStatement, format: string): Promise<SessionOutcome> {
    if (changesSession(statement.sql)) this.#retired = true;
    const sql = `${this.#preamble(statement)}${statement.sql}`;
    const result = await this.#guard(this.#connection.chdb.queryAsync(sql, { format }));
    return {
      bytes: result.bytes(),
      rowsRead: result.rowsRead,
      bytesRead: result.bytesRead,
      rowsWritten: 0,
      bytesWritten: 0,
      elapsedSeconds: result.elapsed,
    };
  }

  /**
   * Begins a statement whose result is fetched piece by piece. The connection takes no other statement until the end of it.
   * Planning it blocks the event loop: 5 ms for a question about raw.
   */
  async open(statement: SessionStatement, format: string): Promise<ChdbQueryStream> {
    // The engine streams single statements only: the preamble goes ahead
    await this.#guard(
      this.#connection.chdb.queryAsync(`${this.#preamble(statement)}SELECT 1`, { format: 'Null' }),
    );
    return this.#guard(
      Promise.resolve().then(() => this.#connection.chdb.queryStream(statement.sql, { format })),
    );
  }

  /** Hands the bytes to the engine without a copy. `sql` of the statement is ignored. */
  async insert(
    statement: SessionStatement,
    target: {
      readonly table: string;
      readonly columns: readonly string[] | null;
      readonly format: RawFormat;
    },
    values: Buffer,
  ): Promise<SessionOutcome> {
    await this.#guard(
      this.#connection.chdb.queryAsync(`${this.#preamble(statement)}SELECT 1`, { format: 'Null' }),
    );
    const summary = await this.#guard(
      this.#connection.chdb.rawInsert({
        table: target.table,
        ...(target.columns === null ? {} : { columns: [...target.columns] }),
        values,
        format: target.format,
      }),
    );
    return {
      bytes: new Uint8Array(0),
      rowsRead: summary.rowsWritten,
      bytesRead: summary.bytesWritten,
      rowsWritten: summary.rowsWritten,
      bytesWritten: summary.bytesWritten,
      elapsedSeconds: summary.elapsed,
    };
  }

  /** To be replaced: nobody knows what the last statement left behind. */
  retire(): void {
    this.#retired = true;
  }

  close(): Promise<void> {
    this.#retired = true;
    return this.#connection.close();
  }

  /** After a failed preamble nobody knows how much of it took effect. */
  async #guard<T>(running: Promise<T>): Promise<T> {
    try {
      return await running;
    } catch (error) {
      this.#retired = true;
      throw error;
    }
  }

  #preamble(statement: SessionStatement): string {
    const parts = [`SET max_query_size = ${QUERY_BYTES_MAX}`];
    if (statement.database !== this.#database) parts.push(`USE ${quoteIdentifier(statement.database)}`);
    this.#database = statement.database;
    const names = new Set(Object.keys(statement.settings));
    for (const name of this.#settingNames) if (!names.has(name)) parts.push(`SET ${name} = DEFAULT`);
    for (const [name, value] of Object.entries(statement.settings)) {
      parts.push(`SET ${assertSettingName(name)} = ${toLiteral(value)}`);
    }
    this.#settingNames = names;
    for (const [name, value] of Object.entries(statement.parameters)) {
      parts.push(`SET ${assertSettingName(`param_${name}`)} = ${toLiteral(value)}`);
      this.#parameterNames.add(name);
    }
    return `${parts.join('; ')}; `;
  }
}

/** The formats the engine takes as raw bytes. */
export const RAW_FORMATS = [
  'JSONEachRow',
  'JSONCompactEachRow',
  'TabSeparated',
  'TSV',
  'CSV',
  'CSVWithNames',
] as const;
export type RawFormat = (typeof RAW_FORMATS)[number];

/** Parameters are part of the query text here: 10,000 ids of 40 characters are 400 kB. */
const QUERY_BYTES_MAX = 64 * 1024 * 1024;
const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function assertSettingName(name: string): string {
  if (!SETTING_NAME.test(name))
    throw new Error(`Not the name of a setting or parameter: ${JSON.stringify(name)}`);
  return name;
}

function namesParameter(sql: string, name: string): boolean {
  return new RegExp(`\\{\\s*${name}\\s*:`).test(sql);
}

function changesSession(sql: string): boolean {
  return /^\s*(set|use)\s/i.test(sql) || /create\s+temporary/i.test(sql);
}

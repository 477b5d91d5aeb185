/** Dead letters as data: kept, searched, replayed. One row per letter; a later version of it replaces the earlier one. */
import { assertThat, DAY_MS, type ErrorCode, type OrganizationId } from '@tidemark/core';
import {
  encodeRow,
  toHead,
  toLetter,
  SHOWN_COLUMNS,
  type LetterHead,
  type ShownRow,
  type StoredLetter,
  type WholeRow,
} from './letter-rows.ts';
import type { DeadLetterState } from './letter-state.ts';
import { SqlParameters } from './measure-sql.ts';
import type { WarehouseExecutor } from './port.ts';

export const DEAD_LETTERS_TABLE = 'dead_letters';
/** Letters of one page. */
export const DEAD_LETTERS_PAGE_MAX = 1_000;
/** Rows of a block when values are read: of 600 kB each they are 40 MB, of the engine's usual 65,409 they would be 40 GB. */
const BLOCK_ROWS_WITH_VALUES = 64;

export type { LetterHead, StoredLetter } from './letter-rows.ts';
export { letterVersion } from './letter-state.ts';
export type { DeadLetterState, LetterReplayed } from './letter-state.ts';

export interface LetterFilter {
  /** Null: letters that do not say whose they are. Never all organizations. */
  readonly organization: OrganizationId | null;
  /** Any of them; of all when absent. */
  readonly states?: readonly DeadLetterState[];
  readonly code?: string;
  readonly eventType?: string;
  /** Arrival within [fromMs, toMs). */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Text that the detail, id, source or value holds. */
  readonly contains?: string;
}

/** Position behind a letter in the order of `search`. */
export interface LetterCursor {
  readonly arrivedAtMs: number;
  readonly id: string;
}

export interface DeadLetterStore {
  /**
   * Durable on return; a letter that is there already (same organization and id) stays what it is: a replayed batch writes the same
   * letters again. All of one call must have arrived on one UTC day.
   * @throws warehouse-unavailable, insert-in-doubt (write again)
   */
  add(letters: readonly StoredLetter[]): Promise<void>;
  /** Newest arrival first, without headers and value; at most `limit` (1 to 1,000). @throws warehouse-unavailable */
  search(
    filter: LetterFilter,
    page: { readonly limit: number; readonly after: LetterCursor | null },
  ): Promise<readonly LetterHead[]>;
  /** By code and state. @throws warehouse-unavailable */
  count(
    filter: LetterFilter,
  ): Promise<
    readonly { readonly code: ErrorCode; readonly state: DeadLetterState; readonly letters: number }[]
  >;
  /** Null when the organization has no such letter. @throws warehouse-unavailable */
  find(organization: OrganizationId | null, id: string): Promise<StoredLetter | null>;
  /** These letters (of one organization, at most `DEAD_LETTERS_PAGE_MAX`) as they are now, in no order. @throws warehouse-unavailable */
  reread(letters: readonly LetterHead[]): Promise<readonly LetterHead[]>;
  /**
   * Writes each letter with what it says of its state, those of each day of arrival in one insert: after a failure some may have it.
   * A letter in a later state, or in a replay that began earlier, stays what it is (`letterVersion`): `reread` tells.
   * @throws warehouse-unavailable, insert-in-doubt (write again)
   */
  setState(letters: readonly StoredLetter[]): Promise<void>;
}

/** The key's own expression: whatever asks for arrivals by it reads these and no others. */
const NEWEST_FIRST = '-toUnixTimestamp64Milli(arrived_at)';
const ORDER = `${NEWEST_FIRST}, id`;

/** Every version of a letter has its arrival, so it lies in one partition. */
const FINAL_SETTINGS = { do_not_merge_across_partitions_select_final: 1 };

export function createDeadLetterStore(
  warehouse: WarehouseExecutor,
  options: { readonly queryTimeoutMs: number },
): DeadLetterStore {
  const timeoutMs = options.queryTimeoutMs;
  const write = (letters: readonly StoredLetter[]) =>
    warehouse.insert({
      table: DEAD_LETTERS_TABLE,
      ndjson: Buffer.from(letters.map(encodeRow).join('\n')),
      rowCount: letters.length,
      timeoutMs,
    });

  return {
    async add(letters) {
      const days = new Set(letters.map((letter) => Math.floor(letter.arrivedAtMs / DAY_MS)));
      assertThat(days.size <= 1, `letters of one call arrived on one day, not on ${days.size}`);
      await write(letters);
    },

    async search(filter, { limit, after }) {
      assertThat(limit >= 1 && limit <= DEAD_LETTERS_PAGE_MAX, `a page of ${limit} letters`);
      const parameters = new SqlParameters();
      const where = [filterSql(filter, parameters), ...(after === null ? [] : [behind(after, parameters)])];
      const rows = await warehouse.query<ShownRow>({
        sql: `SELECT ${SHOWN_COLUMNS} FROM ${DEAD_LETTERS_TABLE} FINAL
              WHERE ${where.join(' AND ')}
              ORDER BY ${ORDER}
              LIMIT ${parameters.bind('UInt32', limit)}`,
        parameters: parameters.values,
        settings: settingsOf(filter),
        timeoutMs,
      });
      return rows.map(toHead);
    },

    async count(filter) {
      const parameters = new SqlParameters();
      const rows = await warehouse.query<{ code: ErrorCode; state: DeadLetterState; letters: string }>({
        sql: `SELECT code, state, count() AS letters FROM ${DEAD_LETTERS_TABLE} FINAL
              WHERE ${filterSql(filter, parameters)}
              GROUP BY code, state
              ORDER BY code, state`,
        parameters: parameters.values,
        settings: settingsOf(filter),
        timeoutMs,
      });
      return rows.map((row) => ({ ...row, letters: Number(row.letters) }));
    },

    async find(organization, id) {
      const [row] = await warehouse.query<WholeRow>({
        sql: `SELECT ${SHOWN_COLUMNS}, headers, value FROM ${DEAD_LETTERS_TABLE} FINAL
              WHERE organization = {organization:String} AND id = {id:String}
              ORDER BY ${ORDER}
              LIMIT 1`,
        parameters: { organization: organization ?? '', id },
        settings: { ...FINAL_SETTINGS, max_block_size: BLOCK_ROWS_WITH_VALUES },
        timeoutMs,
      });
      return row === undefined ? null : toLetter(row);
    },

    async reread(letters) {
      assertThat(letters.length <= DEAD_LETTERS_PAGE_MAX, `${letters.length} letters at once`);
      const [first] = letters;
      if (first === undefined) return [];
      const { organization } = first;
      assertThat(
        letters.every((letter) => letter.organization === organization),
        'letters of one organization',
      );
      const arrivals = letters.map(({ arrivedAtMs }) => arrivedAtMs);
      const parameters = new SqlParameters();
      const span = { organization, fromMs: Math.min(...arrivals), toMs: Math.max(...arrivals) + 1 };
      const ids = parameters.bind(
        'Array(String)',
        letters.map(({ id }) => id),
      );
      const rows = await warehouse.query<ShownRow>({
        sql: `SELECT ${SHOWN_COLUMNS} FROM ${DEAD_LETTERS_TABLE} FINAL
              WHERE ${filterSql(span, parameters)} AND id IN ${ids}`,
        parameters: parameters.values,
        settings: FINAL_SETTINGS,
        timeoutMs,
      });
      return rows.map(toHead);
    },

    async setState(letters) {
      const byDay = new Map<number, StoredLetter[]>();
      for (const letter of letters) {
        const day = Math.floor(letter.arrivedAtMs / DAY_MS);
        const ofDay = byDay.get(day);
        if (ofDay === undefined) byDay.set(day, [letter]);
        else ofDay.push(letter);
      }
      for (const ofDay of byDay.values()) await write(ofDay);
    },
  };
}

function settingsOf(filter: LetterFilter): Readonly<Record<string, number>> {
  return filter.contains === undefined
    ? FINAL_SETTINGS
    : { ...FINAL_SETTINGS, max_block_size: BLOCK_ROWS_WITH_VALUES };
}

/** WHERE of the letters that the filter lets through. The organization is not optional. */
function filterSql(filter: LetterFilter, parameters: SqlParameters): string {
  const conditions = [`organization = ${parameters.bind('String', filter.organization ?? '')}`];
  const equal = (column: string, value: string | undefined) => {
    if (value !== undefined) conditions.push(`${column} = ${parameters.bind('String', value)}`);
  };
  equal('code', filter.code);
  equal('event_type', filter.eventType);
  const { states, fromMs, toMs } = filter;
  if (states !== undefined) conditions.push(`state IN ${parameters.bind('Array(String)', states)}`);
  if (fromMs !== undefined) conditions.push(`${NEWEST_FIRST} <= ${parameters.bind('Int64', -fromMs)}`);
  if (toMs !== undefined) conditions.push(`${NEWEST_FIRST} > ${parameters.bind('Int64', -toMs)}`);
  if (filter.contains !== undefined) {
    const text = parameters.bind('String', filter.contains);
    const places = ['detail', 'id', 'event_id', 'event_source', 'base64Decode(value)'];
    conditions.push(`(${places.map((place) => `position(${place}, ${text}) > 0`).join(' OR ')})`);
  }
  return conditions.join(' AND ');
}

function behind({ arrivedAtMs, id }: LetterCursor, parameters: SqlParameters): string {
  const at = parameters.bind('Int64', -arrivedAtMs);
  return `${NEWEST_FIRST} >= ${at} AND (${NEWEST_FIRST} > ${at} OR id > ${parameters.bind('String', id)})`;
}

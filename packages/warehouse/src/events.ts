/** Raw events: writing them once, and asking which are there. Every row carries its bus coordinate. */
import type { OrganizationId } from '@tidemark/core';
import type { Statement, WarehouseExecutor } from './port.ts';

export const EVENTS_TABLE = 'events';
/** Same columns, stores nothing: what it refuses, `events` refuses. */
export const EVENTS_PROBE_TABLE = 'events_probe';

/** Upper bound of identities in one look-up: a server takes 128 KiB in one parameter, and an identity takes up to 21 bytes of it. */
const IDENTITIES_PER_LOOKUP_MAX = 5_000;

/** One row of raw as the aggregator writes it. `dataText` is a JSON object's text, stored as it is. */
export interface EventRow {
  readonly organization: OrganizationId;
  readonly type: string;
  /** RFC 3339 UTC with at most nine decimals. */
  readonly timeText: string;
  readonly id: string;
  readonly source: string;
  readonly subject: string | null;
  readonly dataText: string;
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
  readonly receivedAtMs: number;
  /** Unsigned 64-bit hash of (organization, source, id), decimal. */
  readonly identity: string;
  readonly offset: number;
}

export interface PartitionRef {
  readonly topic: string;
  readonly partition: number;
}

export interface StoredIdentity {
  readonly identity: string;
  readonly organization: string;
  readonly source: string;
  readonly id: string;
}

export interface EventBatch extends PartitionRef {
  readonly rows: readonly EventRow[];
}

export interface EventStore {
  /**
   * One atomic insert of one batch; all rows must have arrived on the same UTC day (one partition of raw). Durable on return.
   * @throws insert-refused, insert-in-doubt, warehouse-unavailable (see `WarehouseExecutor.insert`)
   */
  insert(batch: EventBatch): Promise<void>;
  /** Whether these rows would be refused, without storing them. @throws insert-refused, warehouse-unavailable */
  probe(batch: EventBatch): Promise<void>;
  /** Whether an insert of this partition is still running in the engine. @throws warehouse-unavailable */
  insertRunning(partition: PartitionRef): Promise<boolean>;
  /**
   * The greatest stored offset of the partition at or beyond `fromOffset`, and its arrival; null when there is none. From near the end the index
   * serves it; from 0 it reads three columns of all of raw. @throws warehouse-unavailable, query-timeout
   */
  highWater(
    partition: PartitionRef,
    fromOffset: number,
  ): Promise<{ readonly offset: number; readonly receivedAtMs: number } | null>;
  /** How many rows have an offset within [from, to] (both included). @throws warehouse-unavailable */
  countRange(partition: PartitionRef, from: number, to: number): Promise<number>;
  /** The stored events among these identities that arrived at or after `sinceMs`. @throws warehouse-unavailable */
  findStored(identities: readonly string[], sinceMs: number): Promise<readonly StoredIdentity[]>;
  /**
   * First and last offset (both included) of the rows that arrived at or after `sinceMs`; null when there are none.
   * @throws warehouse-unavailable
   */
  offsetsSince(
    partition: PartitionRef,
    sinceMs: number,
  ): Promise<{ readonly from: number; readonly to: number } | null>;
  /** Identities of the rows with an offset within [from, to] (both included), in no order. @throws warehouse-unavailable */
  identitiesWithin(
    partition: PartitionRef,
    from: number,
    to: number,
  ): Promise<readonly { readonly identity: string; readonly receivedAtMs: number }[]>;
  /** Minutes (start, ms) of each organization with rows at or beyond the offset. @throws warehouse-unavailable */
  minutesFrom(
    partition: PartitionRef,
    fromOffset: number,
  ): Promise<readonly { readonly organization: OrganizationId; readonly minuteMs: number }[]>;
  /**
   * Minutes of every organization that raw holds, for making every rollup anew: one list for each day of arrival, so a minute may
   * come more than once. @throws warehouse-unavailable
   */
  allMinutes(): AsyncIterable<
    readonly { readonly organization: OrganizationId; readonly minuteMs: number }[]
  >;
}

export interface EventStoreOptions {
  readonly insertTimeoutMs: number;
  readonly queryTimeoutMs: number;
}

export function createEventStore(warehouse: WarehouseExecutor, options: EventStoreOptions): EventStore {
  const select = <T extends object>(sql: string, parameters: Statement['parameters']) =>
    warehouse.query<T & Record<string, unknown>>({
      sql,
      ...(parameters === undefined ? {} : { parameters }),
      timeoutMs: options.queryTimeoutMs,
    });
  const write = (table: string, batch: EventBatch) =>
    warehouse.insert({
      table,
      ndjson: encodeRows(batch),
      rowCount: batch.rows.length,
      ...(table === EVENTS_TABLE ? { queryId: insertQueryId(batch) } : {}),
      timeoutMs: options.insertTimeoutMs,
    });
  const minute = 'intDiv(toUnixTimestamp(time), 60) * 60000';
  const toMinutes = (rows: readonly { organization: string; minute: string }[]) =>
    rows.map((row) => ({ organization: row.organization as OrganizationId, minuteMs: Number(row.minute) }));

  return {
    insert: (batch) => write(EVENTS_TABLE, batch),
    probe: (batch) => write(EVENTS_PROBE_TABLE, batch),

    async insertRunning(partition) {
      const rows = await select<{ running: string }>(
        // In-process the engine numbers queries itself and carries our id as a comment.
        `SELECT count() AS running FROM system.processes
         WHERE query_id = {id:String} OR Settings['log_comment'] = {id:String}`,
        { id: insertQueryId(partition) },
      );
      return rows[0]?.running !== '0';
    },

    async highWater({ topic, partition }, fromOffset) {
      const [row] = await select<{ high: string; received: string; present: string }>(
        `SELECT max(bus_offset) AS high, toUnixTimestamp64Milli(argMax(received_at, bus_offset)) AS received,
                count() AS present
         FROM events
         WHERE bus_topic = {topic:String} AND bus_partition = {partition:UInt16} AND bus_offset >= {from:UInt64}`,
        { topic, partition, from: fromOffset },
      );
      if (row === undefined || row.present === '0') return null;
      return { offset: Number(row.high), receivedAtMs: Number(row.received) };
    },

    async countRange({ topic, partition }, from, to) {
      const rows = await select<{ present: string }>(
        `SELECT count() AS present FROM events
         WHERE bus_topic = {topic:String} AND bus_partition = {partition:UInt16}
           AND bus_offset >= {from:UInt64} AND bus_offset <= {to:UInt64}`,
        { topic, partition, from, to },
      );
      return Number(rows[0]?.present ?? 0);
    },

    async findStored(identities, sinceMs) {
      const found: StoredIdentity[] = [];
      for (let start = 0; start < identities.length; start += IDENTITIES_PER_LOOKUP_MAX) {
        found.push(
          ...(await select<StoredIdentity>(
            `SELECT toString(identity) AS identity, toString(organization) AS organization,
                    toString(source) AS source, id
             FROM events
             WHERE identity IN {identities:Array(UInt64)}
               AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')`,
            {
              // As numbers: the engine reads no quoted text into Array(UInt64).
              identities: identities.slice(start, start + IDENTITIES_PER_LOOKUP_MAX).map(BigInt),
              since: sinceMs,
            },
          )),
        );
      }
      return found;
    },

    async offsetsSince({ topic, partition }, sinceMs) {
      const [row] = await select<{ first: string; last: string; present: string }>(
        `SELECT min(bus_offset) AS first, max(bus_offset) AS last, count() AS present FROM events
         WHERE bus_topic = {topic:String} AND bus_partition = {partition:UInt16}
           AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')`,
        { topic, partition, since: sinceMs },
      );
      if (row === undefined || row.present === '0') return null;
      return { from: Number(row.first), to: Number(row.last) };
    },

    async identitiesWithin({ topic, partition }, from, to) {
      const rows = await select<{ identity: string; received: string }>(
        `SELECT toString(identity) AS identity, toUnixTimestamp64Milli(received_at) AS received FROM events
         WHERE bus_topic = {topic:String} AND bus_partition = {partition:UInt16}
           AND bus_offset >= {from:UInt64} AND bus_offset <= {to:UInt64}`,
        { topic, partition, from, to },
      );
      return rows.map((row) => ({ identity: row.identity, receivedAtMs: Number(row.received) }));
    },

    async minutesFrom({ topic, partition }, fromOffset) {
      return toMinutes(
        await select<{ organization: string; minute: string }>(
          `SELECT DISTINCT toString(organization) AS organization, ${minute} AS minute FROM events
           WHERE bus_topic = {topic:String} AND bus_partition = {partition:UInt16} AND bus_offset >= {from:UInt64}`,
          { topic, partition, from: fromOffset },
        ),
      );
    },

    async *allMinutes() {
      const days = await select<{ day: string }>(
        'SELECT DISTINCT toString(toYYYYMMDD(received_at)) AS day FROM events ORDER BY day',
        undefined,
      );
      for (const { day } of days) {
        yield toMinutes(
          await select<{ organization: string; minute: string }>(
            `SELECT DISTINCT toString(organization) AS organization, ${minute} AS minute FROM events
             WHERE toYYYYMMDD(received_at) = {day:UInt32}`,
            { day: Number(day) },
          ),
        );
      }
    },
  };
}

/** One for a partition: the engine refuses a second insert while the first still runs. */
function insertQueryId({ topic, partition }: PartitionRef): string {
  return `ingest:${topic}:${partition}`;
}

/**
 * JSONEachRow lines. The text of `data` goes in as it came: it has been verified to be one JSON object. Neighbours nearly always share
 * organization, type, source and arrival, so each of these texts is made once for a run of equal values (2.4 instead of 3.8 us a row).
 */
function encodeRows(batch: EventBatch): Buffer {
  const suffix = `,"bus_topic":${JSON.stringify(batch.topic)},"bus_partition":${batch.partition}}`;
  const organizationOf = rememberLast((organization: string) => JSON.stringify(organization));
  const typeOf = rememberLast((type: string) => JSON.stringify(type));
  const sourceOf = rememberLast((source: string) => JSON.stringify(source));
  const arrivalOf = rememberLast((atMs: number) => toEngineTime(new Date(atMs).toISOString()));
  const lines: string[] = [];
  for (const row of batch.rows) {
    lines.push(
      `{"organization":${organizationOf(row.organization)},"type":${typeOf(row.type)},"time":"${toEngineTime(row.timeText)}","id":${JSON.stringify(row.id)},"source":${sourceOf(row.source)},"subject":${row.subject === null ? '""' : JSON.stringify(row.subject)},"data":${row.dataText},"extensions":${encodeExtensions(row.extensions)},"received_at":"${arrivalOf(row.receivedAtMs)}","identity":"${row.identity}","bus_offset":${row.offset}${suffix}`,
    );
  }
  return Buffer.from(lines.join('\n'));
}

/** The function with a memory of its last input and result. */
function rememberLast<Input extends string | number>(
  compute: (input: Input) => string,
): (input: Input) => string {
  let known: { readonly input: Input; readonly text: string } | null = null;
  return (input) => {
    if (known === null || known.input !== input) known = { input, text: compute(input) };
    return known.text;
  };
}

/** `2023-11-16T18:17:03.97996Z` to `2023-11-16 18:17:03.97996`: the form the engine reads fastest and without guessing. */
function toEngineTime(rfc3339Utc: string): string {
  return `${rfc3339Utc.slice(0, 10)} ${rfc3339Utc.slice(11, -1)}`;
}

function encodeExtensions(extensions: EventRow['extensions']): string {
  const names = Object.keys(extensions);
  if (names.length === 0) return '{}';
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, String(extensions[name])])));
}

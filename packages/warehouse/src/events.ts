/** Raw events: writing them once, and asking which are there. Every row carries its bus coordinate. */
import type { OrganizationId } from '@tidemark/core';
import { duplicatesWithin, type CopiedEvent, type Select } from './event-copies.ts';
import {
  encodeRows,
  type EventBatch,
  type FoundEvent,
  type PartitionRef,
  type StoredIdentity,
} from './event-rows.ts';
import type { RowInsert, Statement, WarehouseExecutor } from './port.ts';

export type { CopiedEvent } from './event-copies.ts';
export type { EventBatch, EventRow, FoundEvent, PartitionRef, StoredIdentity } from './event-rows.ts';

export const EVENTS_TABLE = 'events';
/** Same columns, stores nothing: what it refuses, `events` refuses. */
export const EVENTS_PROBE_TABLE = 'events_probe';

/** Upper bound of identities in one look-up: a server takes 128 KiB in one parameter, and an identity takes up to 21 bytes of it. */
const IDENTITIES_PER_LOOKUP_MAX = 5_000;

/** Offsets of one partition, both included. */
export interface OffsetRange extends PartitionRef {
  readonly from: number;
  readonly to: number;
}

export interface EventStore {
  /**
   * One atomic insert of one batch; all rows must have arrived on the same UTC day (one partition of raw). Durable on return.
   *
   * The engine drops an insert whose token it remembers (the last `EVENTS_TOKENS_REMEMBERED` inserts) and reports success: that is what
   * keeps an insert of an earlier owner, still on its way, from landing beside ours. It may also remember a token whose rows a crash
   * has taken: after a retry only `countRange` tells whether the rows are there.
   * @param beforeSend called when the rows are encoded, right before they are sent: who was stopped meanwhile may own the partition no
   * more. What it throws is thrown, and nothing is sent
   * @throws insert-refused, insert-in-doubt, warehouse-unavailable (see `WarehouseExecutor.insert`)
   */
  insert(batch: EventBatch, token: string, beforeSend?: () => Promise<void>): Promise<void>;
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
  /**
   * The stored events among these identities that arrived at or after `sinceMs`, leaving out rows within `own`: a batch that is
   * replayed must not take its own rows for copies. @throws warehouse-unavailable
   */
  findStored(
    identities: readonly string[],
    sinceMs: number,
    own: OffsetRange,
  ): Promise<readonly FoundEvent[]>;
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
  /** Event times of an organization's rows, [fromMs, toMs): null when it has none. @throws warehouse-unavailable, query-timeout */
  spanOf(
    organization: OrganizationId,
    eventTypes: readonly string[],
  ): Promise<{ readonly fromMs: number; readonly toMs: number } | null>;
  /** Minutes (start, ms) of each organization with rows at or beyond the offset. @throws warehouse-unavailable */
  minutesFrom(
    partition: PartitionRef,
    fromOffset: number,
  ): Promise<readonly { readonly organization: OrganizationId; readonly minuteMs: number }[]>;
  /**
   * Minutes of one organization with rows whose event time lies within [fromMs, toMs), of these event types (null: of any).
   * @throws warehouse-unavailable, query-timeout
   */
  minutesWithin(options: {
    readonly organization: OrganizationId;
    readonly fromMs: number;
    readonly toMs: number;
    readonly eventTypes: readonly string[] | null;
  }): Promise<readonly number[]>;
  /**
   * Rows by partition, organization and day of arrival (start, ms), of days from `sinceDayMs` on, counting only offsets within each
   * partition's [from, to): the other side of the ledger. @throws warehouse-unavailable, query-timeout
   */
  storedByDay(
    topic: string,
    sinceDayMs: number,
    partitions: readonly { readonly partition: number; readonly from: number; readonly to: number }[],
  ): Promise<
    readonly {
      readonly partition: number;
      readonly organization: OrganizationId;
      readonly dayMs: number;
      readonly rows: number;
    }[]
  >;
  /**
   * Events of the organization (null: of all, for operators alone) that are in raw more than once among those that arrived within
   * [fromMs, toMs); at most `DUPLICATES_SHOWN_MAX`. There must be none within a dedupe window.
   * @throws query-too-expensive beyond `DUPLICATES_ROWS_MAX` rows (ask for a shorter time); warehouse-unavailable, query-timeout
   */
  duplicatesWithin(
    organization: OrganizationId | null,
    fromMs: number,
    toMs: number,
  ): Promise<readonly CopiedEvent[]>;
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
  const select: Select = <T extends object>(sql: string, parameters: Statement['parameters']) =>
    warehouse.query<T & Record<string, unknown>>({
      sql,
      ...(parameters === undefined ? {} : { parameters }),
      timeoutMs: options.queryTimeoutMs,
    });
  const write = async (
    batch: EventBatch,
    into: Pick<RowInsert, 'table' | 'queryId' | 'deduplicationToken'>,
    beforeSend?: () => Promise<void>,
  ) => {
    const ndjson = encodeRows(batch);
    await beforeSend?.();
    const timeoutMs = options.insertTimeoutMs;
    await warehouse.insert({ ...into, ndjson, rowCount: batch.rows.length, timeoutMs });
  };
  const minute = 'intDiv(toUnixTimestamp(time), 60) * 60000';
  const toMinutes = (rows: readonly { organization: string; minute: string }[]) =>
    rows.map((row) => ({ organization: row.organization as OrganizationId, minuteMs: Number(row.minute) }));

  return {
    insert: (batch, token, beforeSend) => {
      const into = { table: EVENTS_TABLE, queryId: insertQueryId(batch), deduplicationToken: token };
      return write(batch, into, beforeSend);
    },
    probe: (batch) => write(batch, { table: EVENTS_PROBE_TABLE }),

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

    async findStored(identities, sinceMs, own) {
      const found: FoundEvent[] = [];
      for (let start = 0; start < identities.length; start += IDENTITIES_PER_LOOKUP_MAX) {
        const rows = await select<StoredIdentity & { received: string }>(
          // Not `toString(identity) AS identity`, or the engine filters on that, past the index. PREWHERE, or it reads the columns of all
          // conditions for every row: 5,000 identities among 4 million rows took 3 to 6 times longer in either way.
          `SELECT identity, content, organization, source, id, toUnixTimestamp64Milli(received_at) AS received
             FROM events
             PREWHERE identity IN {identities:Array(UInt64)}
             WHERE received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
               AND NOT (bus_topic = {topic:String} AND bus_partition = {partition:UInt16}
                        AND bus_offset >= {from:UInt64} AND bus_offset <= {to:UInt64})`,
          {
            // As numbers: the engine reads no quoted text into Array(UInt64).
            identities: identities.slice(start, start + IDENTITIES_PER_LOOKUP_MAX).map(BigInt),
            since: sinceMs,
            topic: own.topic,
            partition: own.partition,
            from: own.from,
            to: own.to,
          },
        );
        for (const { received, ...row } of rows) found.push({ ...row, receivedAtMs: Number(received) });
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

    async spanOf(organization, eventTypes) {
      const [row] = await select<{ first: string; last: string; rows: string }>(
        `SELECT toUnixTimestamp64Milli(min(time)) AS first, toUnixTimestamp64Milli(max(time)) AS last,
           toString(count()) AS rows
         FROM events WHERE organization = {organization:String} AND type IN {types:Array(String)}`,
        { organization, types: eventTypes },
      );
      if (row === undefined || row.rows === '0') return null;
      return { fromMs: Number(row.first), toMs: Number(row.last) + 1 };
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

    async minutesWithin({ organization, fromMs, toMs, eventTypes }) {
      const rows = await select<{ minute: string }>(
        `SELECT DISTINCT ${minute} AS minute FROM events
         WHERE organization = {organization:String}
           AND time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
           AND time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
           ${eventTypes === null ? '' : 'AND type IN {types:Array(String)}'}
         ORDER BY minute`,
        { organization, from: fromMs, to: toMs, ...(eventTypes === null ? {} : { types: eventTypes }) },
      );
      return rows.map((row) => Number(row.minute));
    },

    async storedByDay(topic, sinceDayMs, partitions) {
      const rows = await select<{ partition: number; organization: string; day: string; present: string }>(
        // A partition that is not asked for has index 0, hence the range [0, 0).
        `SELECT bus_partition AS partition, toString(organization) AS organization,
                toInt64(toUnixTimestamp(toStartOfDay(received_at, 'UTC'))) * 1000 AS day, count() AS present
         FROM events
         WHERE bus_topic = {topic:String} AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
           AND bus_offset >= {froms:Array(UInt64)}[indexOf({partitions:Array(UInt16)}, bus_partition)]
           AND bus_offset < {tos:Array(UInt64)}[indexOf({partitions:Array(UInt16)}, bus_partition)]
         GROUP BY partition, organization, day
         ORDER BY partition, organization, day`,
        {
          topic,
          since: sinceDayMs,
          partitions: partitions.map(({ partition }) => partition),
          froms: partitions.map(({ from }) => from),
          tos: partitions.map(({ to }) => to),
        },
      );
      return rows.map((row) => ({
        partition: row.partition,
        organization: row.organization as OrganizationId,
        dayMs: Number(row.day),
        rows: Number(row.present),
      }));
    },

    duplicatesWithin: (organization, fromMs, toMs) => duplicatesWithin(select, organization, fromMs, toMs),

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

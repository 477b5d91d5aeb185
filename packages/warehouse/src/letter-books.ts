/** Dead letters counted by where their records stand in the log: the other side of the books' dead. */
import type { OrganizationId } from '@tidemark/core';
import { DEAD_LETTERS_TABLE } from './dead-letters.ts';
import { SqlParameters } from './measure-sql.ts';
import type { WarehouseExecutor } from './port.ts';

export interface BuriedDay {
  readonly partition: number;
  /** Null: the records do not say whose they are. */
  readonly organization: OrganizationId | null;
  /** Start of the UTC day of arrival. */
  readonly dayMs: number;
  readonly letters: number;
}

export interface LetterBooks {
  /**
   * Letters made of records of the topic, in whatever state, by partition, organization and day of arrival, of days from `sinceDayMs` on,
   * counting only offsets within each partition's [from, to). Each letter once, however often it was added.
   * @throws warehouse-unavailable, query-timeout
   */
  buriedByDay(
    topic: string,
    sinceDayMs: number,
    partitions: readonly { readonly partition: number; readonly from: number; readonly to: number }[],
  ): Promise<readonly BuriedDay[]>;
}

/** A letter of a record is named by its coordinate: `deadLetterId` of `@tidemark/contracts`. */
const PARTITION = "toUInt16OrZero(splitByChar(':', id)[2])";
const OFFSET = "toUInt64OrNull(splitByChar(':', id)[3])";

export function createLetterBooks(
  warehouse: WarehouseExecutor,
  options: { readonly queryTimeoutMs: number },
): LetterBooks {
  return {
    async buriedByDay(topic, sinceDayMs, partitions) {
      const parameters = new SqlParameters();
      const list = (type: string, numbers: readonly number[]) => parameters.bind(`Array(${type})`, numbers);
      const named = list(
        'UInt16',
        partitions.map(({ partition }) => partition),
      );
      const froms = list(
        'UInt64',
        partitions.map(({ from }) => from),
      );
      const tos = list(
        'UInt64',
        partitions.map(({ to }) => to),
      );
      const rows = await warehouse.query<{
        partition: number;
        organization: string;
        day: string;
        letters: string;
      }>({
        // A partition that is not asked for has index 0, hence the range [0, 0). What PREWHERE reads is the same in all versions of a letter.
        sql: `SELECT ${PARTITION} AS partition, toString(organization) AS organization,
                     toInt64(toUnixTimestamp(toStartOfDay(arrived_at, 'UTC'))) * 1000 AS day, count() AS letters
              FROM ${DEAD_LETTERS_TABLE} FINAL
              PREWHERE stage = 'aggregator' AND startsWith(id, ${parameters.bind('String', `${topic}:`)})
              WHERE arrived_at >= fromUnixTimestamp64Milli(${parameters.bind('Int64', sinceDayMs)}, 'UTC')
                AND ${OFFSET} >= ${froms}[indexOf(${named}, ${PARTITION})]
                AND ${OFFSET} < ${tos}[indexOf(${named}, ${PARTITION})]
              GROUP BY partition, organization, day
              ORDER BY partition, organization, day`,
        parameters: parameters.values,
        settings: { do_not_merge_across_partitions_select_final: 1 },
        timeoutMs: options.queryTimeoutMs,
      });
      return rows.map(({ partition, organization, day, letters }) => ({
        partition,
        organization: organization === '' ? null : (organization as OrganizationId),
        dayMs: Number(day),
        letters: Number(letters),
      }));
    },
  };
}

/** Looks for events that raw holds more than once. */
import { AppError, type OrganizationId } from '@tidemark/core';
import type { StoredIdentity } from './event-rows.ts';
import type { Statement } from './port.ts';

/** Most that `duplicatesWithin` names. */
export const DUPLICATES_SHOWN_MAX = 1_000;
/** Most rows that `duplicatesWithin` looks through: identities of so many are 160 MB to read. */
export const DUPLICATES_ROWS_MAX = 20_000_000;
/** Identities counted at a time: so many take 64 MB in the engine's table. */
const IDENTITIES_PER_PASS = 2_000_000;

export interface CopiedEvent extends StoredIdentity {
  /** Of the copy that arrived first. */
  readonly content: string;
  /** 2 or more. */
  readonly copies: number;
}

/** Runs one SELECT. */
export type Select = <T extends object>(sql: string, parameters: Statement['parameters']) => Promise<T[]>;

/**
 * Counts identities in passes over disjoint shares of them, so that memory does not grow with the rows: each pass reads one column of
 * eight bytes a row. Equal identities are looked at by their texts, since two events may share a hash.
 *
 * The organization is bound in every SELECT: raw is ordered by it first, so nobody else's rows are read, counted or told.
 */
export async function duplicatesWithin(
  select: Select,
  organization: OrganizationId | null,
  fromMs: number,
  toMs: number,
): Promise<CopiedEvent[]> {
  const arrived = `${organization === null ? '' : 'organization = {organization:String} AND '}received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
             AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;
  const bound = { from: fromMs, to: toMs, ...(organization === null ? {} : { organization }) };
  const [counted] = await select<{ present: string }>(
    `SELECT count() AS present FROM events WHERE ${arrived}`,
    bound,
  );
  const rows = Number(counted?.present ?? 0);
  if (rows > DUPLICATES_ROWS_MAX) {
    throw new AppError(
      'query-too-expensive',
      `more than ${DUPLICATES_ROWS_MAX} events arrived from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}: too many to search for copies at once`,
    );
  }
  const passes = Math.ceil(rows / IDENTITIES_PER_PASS);
  const found: CopiedEvent[] = [];
  for (let pass = 0; pass < passes && found.length < DUPLICATES_SHOWN_MAX; pass += 1) {
    const copies = await select<StoredIdentity & { copies: string }>(
      `SELECT identity, argMin(content, (received_at, bus_offset)) AS content, organization, source, id,
              count() AS copies
       FROM events
       WHERE ${arrived} AND identity IN (
         SELECT identity FROM events
         WHERE ${arrived} AND identity % {passes:UInt32} = {pass:UInt32}
         GROUP BY identity HAVING count() > 1
         LIMIT {shown:UInt32}
       )
       GROUP BY identity, organization, source, id
       HAVING copies > 1
       LIMIT {shown:UInt32}`,
      { ...bound, passes, pass, shown: DUPLICATES_SHOWN_MAX - found.length },
    );
    found.push(...copies.map((row) => ({ ...row, copies: Number(row.copies) })));
  }
  return found;
}

/** Which rows of an insert are at fault: a row of ours is tried first, then the insert, then its halves. */
import { assertThat } from '@tidemark/core';
import type { Batch, Candidate, Poison } from './batch.ts';

export interface Search {
  /** The rows have been refused together; if not, it may be that none of them is at fault. */
  readonly isRefused: boolean;
  /** A row of ours is being tried: if that is refused, nobody's data is. */
  readonly isOurs: boolean;
  /** Still to be tried, the last one first. */
  readonly open: readonly (readonly Candidate[])[];
  readonly found: readonly Poison[];
}

export type Narrowed =
  | { readonly kind: 'searching'; readonly search: Search }
  | { readonly kind: 'found'; readonly found: readonly Poison[] }
  | { readonly kind: 'acceptable' }
  | { readonly kind: 'no-poison'; readonly reason: string };

export function startSearch(
  rows: readonly Candidate[],
  { isRefused }: { readonly isRefused: boolean },
): Search {
  return { isRefused, isOurs: true, open: [rows], found: [] };
}

export function narrow(
  search: Search,
  batch: Batch,
  { acceptable, detail }: { readonly acceptable: boolean; readonly detail: string },
): Narrowed {
  if (search.isOurs) {
    if (acceptable) return { kind: 'searching', search: { ...search, isOurs: false } };
    return { kind: 'no-poison', reason: `the warehouse refuses every row (${detail})` };
  }
  const rows = search.open.at(-1) ?? [];
  let open = search.open.slice(0, -1);
  let { found } = search;
  const only = rows.length === 1 ? rows[0] : undefined;
  if (!acceptable && only !== undefined) found = [...found, refusedRow(batch, only, detail)];
  else if (!acceptable) {
    const half = Math.ceil(rows.length / 2);
    open = [...open, rows.slice(half), rows.slice(0, half)];
  }
  if (open.length > 0) return { kind: 'searching', search: { ...search, open, found } };
  if (found.length > 0) return { kind: 'found', found };
  if (!search.isRefused && acceptable) return { kind: 'acceptable' };
  return {
    kind: 'no-poison',
    reason: `the rows from offset ${batch.from} are refused together but none of them alone (${detail})`,
  };
}

function refusedRow(batch: Batch, row: Candidate, detail: string): Poison {
  const record = batch.records.find((candidate) => candidate.offset === row.offset);
  assertThat(record !== undefined, `offset ${row.offset} belongs to the batch`);
  return { record, organization: row.event.organization, code: 'event-not-storable', detail };
}

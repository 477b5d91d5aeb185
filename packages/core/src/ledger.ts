/** What became of the events of one organization over some days of arrival; counts of events. */
export interface LedgerFigures {
  /** Events whose durability was promised to the sender, as the processes of ingest have counted them. */
  readonly acknowledged: number;
  /** Events refused one by one: they never were in the log. */
  readonly rejected: number;
  /** Rows of raw. */
  readonly stored: number;
  /** Copies of what is stored. */
  readonly duplicate: number;
  /** Dead letters made of records of the log. */
  readonly dead: number;
}

/** `received = stored + duplicate + dead + rejected + inFlight + residue`, always. */
export interface LedgerBalance {
  readonly received: number;
  /** In the log, not settled yet. 0 when the log has been read to its end. */
  readonly inFlight: number;
  /** Acknowledged, and nowhere: 0 unless events were lost. */
  readonly residue: number;
}

/**
 * Balances the books: settled events (stored, duplicate, dead) against acknowledged ones.
 *
 * `settled` is counted by offset of the log, in the transaction that moves the partition on, so it is exact. `acknowledged` is counted
 * by ingest and written now and then, so it may be SMALLER than what was promised: a killed process takes its last second of counting
 * with it, and a publish whose reply was lost is in the log without having been acknowledged. That is why the greater of the two is
 * what was received. It hides nothing that the log holds: each of its offsets is settled or counted as skipped, whoever counted it on
 * the way in, and the auditor holds the settled figures to raw. It can only make this one check less sharp, by as many events as went
 * uncounted.
 *
 * @param hasLag whether the log held records that were not settled yet when its ends were read, AFTER the figures were; without lag
 * the figures cover everything that was acknowledged in them
 */
export function balanceOf(figures: LedgerFigures, { hasLag }: { readonly hasLag: boolean }): LedgerBalance {
  const { acknowledged, rejected, stored, duplicate, dead } = figures;
  const settled = stored + duplicate + dead;
  const unsettled = Math.max(0, acknowledged - settled);
  return {
    received: rejected + Math.max(acknowledged, settled),
    inFlight: hasLag ? unsettled : 0,
    residue: hasLag ? 0 : unsettled,
  };
}

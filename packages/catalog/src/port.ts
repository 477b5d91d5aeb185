/**
 * The catalog: who may do what, and the small transactional state of the pipeline. Adapters: PGlite (embedded) and
 * Postgres through `pg`; both execute the same SQL (`./migrations`, and one file per group of statements).
 */
import type { OrganizationId, Tier } from '@tidemark/core';
import type { ApiKeys, AuditLog, Definitions, Organizations, Users } from './tenancy-port.ts';

/** The two adapters. Everything else in this package is SQL over it. */
export interface SqlExecutor {
  /** `$1`-style parameters, always bound. @throws catalog-unavailable when the store cannot be reached in time */
  query<T extends object>(sql: string, parameters?: readonly unknown[]): Promise<T[]>;
  /** All or nothing; the body must be short and must not touch anything but the catalog. */
  transaction<T>(body: (tx: Pick<SqlExecutor, 'query'>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** How far one partition of the events topic has been stored. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to store. */
  readonly nextOffset: number;
  /** Everything that had arrived on this partition by this instant is stored. */
  readonly arrivedThroughMs: number;
}

/** A bucket of one organization in one tier whose rollup no longer equals raw (or never was made). */
export interface DirtyBucket {
  readonly tier: Tier;
  readonly organization: OrganizationId;
  readonly bucketStartMs: number;
}

export interface ClaimedBucket extends DirtyBucket {
  /** The mark as it was when claimed: `clear` removes it only if nobody has marked the bucket again since. */
  readonly mark: bigint;
}

/** A measure as one adoption has brought it in. */
export interface AdoptedMeasure {
  readonly fingerprint: string;
  readonly adoption: bigint;
}

export interface Claim {
  /** Of the claimant, as it gave them. */
  readonly measures: readonly string[];
  /** Greater than that of every earlier claim: the version of the rollup rows made under this claim. */
  readonly version: bigint;
  /** All of one tier and one organization, oldest first. */
  readonly buckets: readonly ClaimedBucket[];
}

/** Somebody is about to store rows in buckets that may be closed. */
export interface Hold {
  /** The same name marks the buckets when the rows are stored, also after a restart. Not empty. */
  readonly holder: string;
  /** After this the hold is over by itself: its holder has died. */
  readonly untilMs: number;
}

export interface ClaimOptions {
  /** Only buckets that end at or before this instant. */
  readonly closedThroughMs: number;
  readonly nowMs: number;
  /** Another worker may take the buckets again after this. */
  readonly leaseMs: number;
  readonly maxBuckets: number;
  /** Fingerprints of the measures the claimant makes rollups of; unless they are the adopted ones it gets nothing. */
  readonly measures: readonly string[];
}

/**
 * Which buckets must be recomputed, and how far the log is stored. Order of operations that makes it safe: rows are in raw
 * BEFORE their bucket is marked; a claim reads the mark and draws its version in one statement BEFORE raw is read; the mark is
 * cleared AFTER the rollup rows are durable, and only if it is still the claimed one. So a bucket without a mark has a
 * rollup that contains every row of raw, and a stale worker's rows carry a smaller version than those of a worker that saw more.
 */
export interface PipelineState {
  /** Durable on return. Never moves a partition backwards (smaller offsets and instants are ignored). */
  recordProgress(progress: readonly PartitionProgress[]): Promise<void>;
  progress(topic: string): Promise<readonly PartitionProgress[]>;
  /**
   * Marks buckets, replacing older marks. The first claim of a bucket is delayed by tier (`TIER_SETTLE_MS`), so that a day is not
   * recomputed for each of a thousand late events; a mark that waits already keeps its time. Ends the holder's hold of them.
   */
  markDirty(buckets: readonly DirtyBucket[], nowMs: number, holder?: string): Promise<void>;
  /**
   * Marks buckets BEFORE rows are stored in them: from here on no earlier claim clears them, and nobody claims them before every
   * holder has marked them again by `markDirty`, or its hold is over. So what a question has counted in raw is not lost from
   * sight again because a rollup that was made without it stands in for raw.
   */
  holdDirty(buckets: readonly DirtyBucket[], nowMs: number, hold: Hold): Promise<void>;
  /** As `markDirty`, and due at once in every tier, also where a mark waits already: somebody wants the rollups made again now. */
  markDirtyNow(buckets: readonly DirtyBucket[], nowMs: number): Promise<void>;
  /** One tier, one organization (the one that waits longest), at most `maxBuckets`; null when nothing is due. */
  claimDirty(options: ClaimOptions): Promise<Claim | null>;
  /**
   * Makes every later claim's version greater than this one. For a catalog that is younger than the warehouse: rollup rows with
   * versions it never drew would win over what it makes.
   */
  raiseVersion(version: bigint): Promise<void>;
  /** After the rollup rows are durable. */
  clearDirty(claim: Claim): Promise<void>;
  /** Gives unfinished buckets back before their lease ends. */
  releaseClaim(claim: Claim): Promise<void>;
  /** Starts of the dirty buckets of one organization within [fromMs, toMs), ascending: all, or the first `limit`. */
  dirtyBuckets(
    organization: OrganizationId,
    tier: Tier,
    fromMs: number,
    toMs: number,
    limit?: number,
  ): Promise<readonly number[]>;
  countDirty(): Promise<number>;
  /** Dirty buckets of one organization within [fromMs, toMs), over all tiers. */
  countDirtyWithin(organization: OrganizationId, fromMs: number, toMs: number): Promise<number>;
  /**
   * Makes these the measures that rollups are made of, and returns those that are not confirmed yet. From here on claims by a
   * release with other measures get nothing and clear nothing, so no bucket becomes clean without them.
   */
  adoptMeasures(fingerprints: readonly string[]): Promise<readonly AdoptedMeasure[]>;
  /** Whether these, and no others, are the adopted measures: if not, another release has adopted its own since. */
  areAdopted(fingerprints: readonly string[]): Promise<boolean>;
  /**
   * Call after every bucket that may lack the measures' rollups is durably marked. What another release has dropped since, and
   * somebody adopted again, stays unconfirmed. Idempotent.
   */
  confirmMeasures(adopted: readonly AdoptedMeasure[]): Promise<void>;
  /**
   * Those that are not adopted or not confirmed, neither for all nor for the organization: clean buckets of it may lack their rollups, so
   * they are answered from raw.
   */
  unknownMeasures(fingerprints: readonly string[], organization: OrganizationId): Promise<readonly string[]>;
}

/** What became of some records of one organization; null stands for records that do not say whose they are. */
export interface Outcomes {
  readonly organization: OrganizationId | null;
  /** Rows of raw. */
  readonly stored: number;
  /** Copies of what is stored. */
  readonly duplicate: number;
  /** Those of the copies whose content differs from what was kept; counted in `duplicate` too. */
  readonly conflict: number;
  /** Dead letters. */
  readonly dead: number;
}

/** One batch of one partition: what became of each of its records. */
export interface BatchAccount {
  readonly topic: string;
  readonly partition: number;
  /** First offset accounted for, and the one behind the last. */
  readonly from: number;
  readonly next: number;
  /** The UTC day of arrival that all its records share: start, ms. */
  readonly dayMs: number;
  /** As in `PartitionProgress`. */
  readonly arrivedThroughMs: number;
  readonly outcomes: readonly Outcomes[];
  /** Offsets of the records that became dead letters, ascending. */
  readonly deadOffsets: readonly number[];
}

export interface AccountedPartition {
  readonly partition: number;
  /** The first offset ever accounted for: what was stored by releases without a ledger lies before it. */
  readonly since: number;
  /** Every offset in [since, through) is accounted for, or counted in `skipped`. */
  readonly through: number;
  /** Offsets that the log no longer held when they were to be read: lost unless raw has them. */
  readonly skipped: number;
}

export interface AccountedDay extends Outcomes {
  readonly partition: number;
  readonly dayMs: number;
}

/** What one process of ingest has counted since its start, by organization and day of arrival. */
export interface Receipt {
  readonly organization: OrganizationId;
  readonly dayMs: number;
  /** Events whose durability was promised to the sender. */
  readonly acknowledged: number;
  /** Events refused one by one. */
  readonly rejected: number;
}

export interface LedgerDay {
  readonly organization: OrganizationId;
  readonly dayMs: number;
  readonly acknowledged: number;
  readonly rejected: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly dead: number;
}

/**
 * The books of the pipeline: what became of every offset of the log, counted once, and what ingest says it has acknowledged.
 * An account is written after its rows are in raw and its dead letters durable, and before its offset is committed.
 */
export interface Ledger {
  /**
   * All or nothing, durable on return, and counted once: an account that begins before `through` changes nothing. One that begins
   * beyond `through` adds the gap to `skipped`. The first account of a partition sets `since`. Also records the partition's progress (as
   * `recordProgress`), if it counted.
   * @returns `through` as it is afterwards: `account.next` if it counted. More, or at least not less, than that says that a stale owner
   * has written the same account; less, that it has written a part of it, and the rest must be cut and accounted for anew.
   * @throws catalog-unavailable
   */
  account(account: BatchAccount): Promise<number>;
  /** Where the next account of the partition begins; null when there was none. */
  accountedThrough(topic: string, partition: number): Promise<number | null>;
  /** Everything of one moment (one statement), for comparing with raw. Days before `sinceDayMs` are left out. */
  snapshot(
    topic: string,
    sinceDayMs: number,
  ): Promise<{ readonly partitions: readonly AccountedPartition[]; readonly days: readonly AccountedDay[] }>;
  /**
   * Cumulative figures of one process of ingest; later figures of the same process and day replace smaller ones, so a write may be
   * repeated.
   * @param instance unique to one run of one process
   */
  recordReceipts(instance: string, receipts: readonly Receipt[]): Promise<void>;
  /** By organization and day, ascending; all partitions and processes together; [fromDayMs, toDayMs). Null: all organizations. */
  days(
    topic: string,
    organization: OrganizationId | null,
    fromDayMs: number,
    toDayMs: number,
  ): Promise<readonly LedgerDay[]>;
  /** Those of the coordinates of the topic that became dead letters. At most 10,000 at a time. */
  deadAmong(
    topic: string,
    coordinates: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<readonly { readonly partition: number; readonly offset: number }[]>;
  /** Deletes days, receipts and dead offsets of days before the instant. Returns how many rows. */
  forgetBefore(dayMs: number): Promise<number>;
}

export interface Catalog {
  readonly ledger: Ledger;
  readonly organizations: Organizations;
  readonly users: Users;
  readonly apiKeys: ApiKeys;
  readonly definitions: Definitions;
  readonly auditLog: AuditLog;
  readonly pipeline: PipelineState;
  /** @throws catalog-unavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

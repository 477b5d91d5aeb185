/**
 * The catalog: who may do what, and the small transactional state of the pipeline. Adapters: PGlite (embedded) and
 * Postgres through `pg`; both execute the same SQL (`./migrations`, and one file per group of statements).
 */
import type { ApiKeyRecord, Role, OrganizationId, Tier } from '@tidemark/core';

/** The two adapters. Everything else in this package is SQL over it. */
export interface SqlExecutor {
  /** `$1`-style parameters, always bound. @throws catalog-unavailable when the store cannot be reached in time */
  query<T extends object>(sql: string, parameters?: readonly unknown[]): Promise<T[]>;
  /** All or nothing; the body must be short and must not touch anything but the catalog. */
  transaction<T>(body: (tx: Pick<SqlExecutor, 'query'>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Organization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly createdAtMs: number;
}

export interface NewApiKey {
  readonly publicId: string;
  readonly organization: OrganizationId;
  readonly secretHash: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

export interface Organizations {
  /** Idempotent: returns the existing one when the id is taken. */
  ensure(id: OrganizationId, name: string, nowMs: number): Promise<Organization>;
  find(id: OrganizationId): Promise<Organization | null>;
  list(): Promise<readonly Organization[]>;
}

export interface ApiKeys {
  /** @throws conflict when the public id is taken */
  create(key: NewApiKey): Promise<ApiKeyRecord>;
  /** Across organizations: the id is what a stranger presents. Revoked and expired keys are returned too. */
  find(publicId: string): Promise<ApiKeyRecord | null>;
  /** Newest first, of one organization, revoked ones included. */
  list(organization: OrganizationId): Promise<readonly ApiKeyRecord[]>;
  /** False when the organization has no such key. Idempotent: keeps the first time of revocation. */
  revoke(organization: OrganizationId, publicId: string, nowMs: number): Promise<boolean>;
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
   * recomputed for each of a thousand late events; a mark that waits already keeps its time.
   */
  markDirty(buckets: readonly DirtyBucket[], nowMs: number): Promise<void>;
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
  /** Starts of the dirty buckets of one organization within [fromMs, toMs), ascending. */
  dirtyBuckets(
    organization: OrganizationId,
    tier: Tier,
    fromMs: number,
    toMs: number,
  ): Promise<readonly number[]>;
  countDirty(): Promise<number>;
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
  /** Those that are not adopted or not confirmed: clean buckets may lack their rollups, so they are answered from raw. */
  unknownMeasures(fingerprints: readonly string[]): Promise<readonly string[]>;
}

export interface Catalog {
  readonly organizations: Organizations;
  readonly apiKeys: ApiKeys;
  readonly pipeline: PipelineState;
  /** @throws catalog-unavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

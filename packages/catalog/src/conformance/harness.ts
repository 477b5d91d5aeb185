import {
  assertThat,
  DAY_MS,
  type OrganizationId,
  parseOrganizationId,
  type Tier,
  TIER_WIDTH_MS,
} from '@tidemark/core';
import type { Actor, NewApiKey } from '../tenancy-port.ts';
import type { Catalog, Claim, ClaimOptions, DirtyBucket, SqlExecutor } from '../port.ts';

/** One empty database of its own, for one run of the suite. */
export interface CatalogStore {
  /** A way in, as each replica has one; the embedded store has only one and gives it again. */
  connect(): Promise<SqlExecutor>;
  /** Closes every way in and removes the database. */
  destroy(): Promise<void>;
}

export interface CatalogHarness {
  createStore(): Promise<CatalogStore>;
}

/** Two replicas on one migrated store; replaced before each test. */
export interface Replicas {
  readonly first: Catalog;
  readonly second: Catalog;
  readonly executor: SqlExecutor;
}

/** A way in whose `close` does nothing: the store closes it, and several catalogs may use it one after another. */
export function withoutClose(executor: SqlExecutor): SqlExecutor {
  return {
    query: async <T extends object>(sql: string, parameters?: readonly unknown[]) =>
      await executor.query<T>(sql, parameters),
    transaction: async (body) => await executor.transaction(body),
    close: async () => await Promise.resolve(),
  };
}

/** Much cheaper than a new schema, most of all in-process. */
export async function emptyTables(executor: SqlExecutor): Promise<void> {
  const tables = [
    'audit_log',
    'metrics',
    'users',
    'api_keys',
    'organizations',
    'pipeline_progress',
    'pipeline_dirty_buckets',
    'pipeline_measures',
    'ledger_partitions',
    'ledger_days',
    'ledger_dead_offsets',
    'ledger_receipts',
  ];
  for (const table of tables) await executor.query(`DELETE FROM ${table}`);
}

/** Back to a database nobody has migrated. */
export async function emptyStore(executor: SqlExecutor): Promise<void> {
  await executor.query('DROP SCHEMA public CASCADE');
  await executor.query('CREATE SCHEMA public');
}

function organization(text: string): OrganizationId {
  const id = parseOrganizationId(text);
  assertThat(id !== null, `${text} is an organization id`);
  return id;
}

/** The instant the suites call now. */
export const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0);
export const DAY_START_MS = Date.UTC(2026, 0, 15);
export const NEXT_DAY_START_MS = DAY_START_MS + DAY_MS;
export const LEASE_MS = 30_000;
export const ACME = organization('acme');
export const GLOBEX = organization('globex');

/** The bucket `index` widths before the last one that is closed at NOW_MS. */
export function bucket(owner: OrganizationId, tier: Tier, index: number): DirtyBucket {
  const width = TIER_WIDTH_MS[tier];
  const lastStartMs = Math.floor(NOW_MS / width) * width - width;
  return { tier, organization: owner, bucketStartMs: lastStartMs - index * width };
}

export function minutes(owner: OrganizationId, count: number): readonly DirtyBucket[] {
  return Array.from({ length: count }, (_, index) => bucket(owner, '1m', index));
}

export function claimOptions(overrides: Partial<ClaimOptions> = {}): ClaimOptions {
  return {
    closedThroughMs: NOW_MS,
    nowMs: NOW_MS,
    leaseMs: LEASE_MS,
    maxBuckets: 100,
    measures: [],
    ...overrides,
  };
}

export function startsOf(claim: Claim | null): readonly number[] {
  return (claim?.buckets ?? []).map((claimed) => claimed.bucketStartMs);
}

export function assertClaimed(claim: Claim | null): asserts claim is Claim {
  assertThat(claim !== null, 'something was due');
}

/** An administrator of the organization. */
export function actor(owner: OrganizationId = ACME, atMs: number = NOW_MS): Actor {
  return { organization: owner, credentialId: 'admin1', user: 'ada', requestId: 'request-1', atMs };
}

export function newKey(overrides: Partial<NewApiKey> = {}): NewApiKey {
  return {
    publicId: 'key1',
    organization: ACME,
    secretHash: 'ab'.repeat(32),
    name: 'producer of the shop',
    role: 'producer',
    scopes: null,
    user: null,
    createdAtMs: NOW_MS,
    expiresAtMs: null,
    ...overrides,
  };
}

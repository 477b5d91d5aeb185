import {
  type ApiKeyRecord,
  AppError,
  assertThat,
  type OrganizationId,
  type Role,
  ROLES,
  roleAllows,
  type Scope,
} from '@tidemark/core';
import { appendAudit } from './audit-log.ts';
import type { SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger, toSafeIntegerOrNull } from './rows.ts';
import { sqlStateOf } from './sql-errors.ts';
import type { Actor, ApiKeys, NewApiKey } from './tenancy-port.ts';

interface ApiKeyRow {
  readonly public_id: string;
  readonly organization: OrganizationId;
  readonly secret_hash: string;
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly Scope[] | null;
  readonly user_id: string | null;
  readonly created_at_ms: BigintText;
  readonly expires_at_ms: BigintText | null;
  readonly revoked_at_ms: BigintText | null;
  readonly last_used_at_ms: BigintText | null;
  readonly successor: string | null;
}

type Transaction = Pick<SqlExecutor, 'query'>;

const COLUMNS = `public_id, organization, secret_hash, name, role, scopes, user_id, created_at_ms, expires_at_ms,
  revoked_at_ms, last_used_at_ms, successor`;

const INSERT = `
INSERT INTO api_keys (public_id, organization, secret_hash, name, role, scopes, user_id, created_at_ms, expires_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (public_id) DO NOTHING
RETURNING ${COLUMNS}`;

/** Keeps others from adding a key (they take a share of it by the foreign key) until the transaction ends. */
const LOCK_ORGANIZATION = 'SELECT id FROM organizations WHERE id = $1 FOR UPDATE';

const HAS_KEYS = 'SELECT 1 AS one FROM api_keys WHERE organization = $1 LIMIT 1';

/** Keeps the user as it is until the key is there to be revoked with it. */
const LOCK_USER = 'SELECT role FROM users WHERE organization = $1 AND id = $2 FOR SHARE';

const FIND = `SELECT ${COLUMNS} FROM api_keys WHERE public_id = $1`;

const LOCK = `SELECT ${COLUMNS} FROM api_keys WHERE organization = $1 AND public_id = $2 FOR UPDATE`;

const LIST = `
SELECT ${COLUMNS} FROM api_keys WHERE organization = $1
ORDER BY created_at_ms DESC, public_id`;

const REVOKE = 'UPDATE api_keys SET revoked_at_ms = $2 WHERE public_id = $1';

const REVOKE_OF_USER = `
UPDATE api_keys SET revoked_at_ms = $3
WHERE organization = $1 AND user_id = $2 AND revoked_at_ms IS NULL AND role <> ALL ($4::text[])
RETURNING public_id`;

const SUCCEED = `
UPDATE api_keys SET successor = $2, expires_at_ms = least(expires_at_ms, $3::bigint) WHERE public_id = $1`;

const NOTE_USES = `
WITH used AS (
  SELECT public_id, max(at_ms) AS at_ms FROM unnest($1::text[], $2::bigint[]) AS uses (public_id, at_ms)
  GROUP BY public_id
), free AS (
  SELECT public_id FROM api_keys WHERE public_id = ANY ($1::text[])
  ORDER BY public_id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE api_keys SET last_used_at_ms = greatest(api_keys.last_used_at_ms, used.at_ms)
FROM used, free WHERE api_keys.public_id = used.public_id AND api_keys.public_id = free.public_id`;

const FOREIGN_KEY_VIOLATION = '23503';

/** `create` also throws not-found when there is no such organization. */
export function createApiKeys(executor: Pick<SqlExecutor, 'query' | 'transaction'>): ApiKeys {
  return {
    create: async (key, actor) => await executor.transaction(async (tx) => await addApiKey(tx, key, actor)),
    async createFirst(key, actor) {
      // A statement of its own looks for keys: one that had waited for the lock would see what was there before.
      return await executor.transaction(async (tx) => {
        await tx.query(LOCK_ORGANIZATION, [key.organization]);
        const known = await tx.query(HAS_KEYS, [key.organization]);
        return known.length > 0 ? null : await addApiKey(tx, key, actor);
      });
    },
    async find(publicId) {
      const [row] = await executor.query<ApiKeyRow>(FIND, [publicId]);
      return row === undefined ? null : toApiKeyRecord(row);
    },
    async list(organization) {
      return (await executor.query<ApiKeyRow>(LIST, [organization])).map(toApiKeyRecord);
    },
    async revoke(organization, publicId, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<ApiKeyRow>(LOCK, [organization, publicId]);
        if (row === undefined) return false;
        if (row.revoked_at_ms !== null) return true;
        await tx.query(REVOKE, [publicId, actor.atMs]);
        const details = { name: row.name, role: row.role };
        await appendAudit(tx, { organization, action: 'api-key.revoke', target: publicId, details }, actor);
        return true;
      });
    },
    async rotate(organization, publicId, plan, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<ApiKeyRow>(LOCK, [organization, publicId]);
        if (row === undefined) return null;
        const { successor, endsAtMs } = plan(toApiKeyRecord(row));
        assertThat(successor.organization === organization, 'a key is succeeded by one of its organization');
        const record = await insert(tx, successor);
        await tx.query(SUCCEED, [publicId, successor.publicId, endsAtMs]);
        const details = { successor: successor.publicId, endsAt: new Date(endsAtMs).toISOString() };
        await appendAudit(tx, { organization, action: 'api-key.rotate', target: publicId, details }, actor);
        return record;
      });
    },
    async noteUses(uses) {
      if (uses.length === 0) return;
      await executor.query(NOTE_USES, [uses.map((use) => use.publicId), uses.map((use) => use.atMs)]);
    },
  };
}

/** A key and its entry of the audit log, within a transaction. */
export async function addApiKey(tx: Transaction, key: NewApiKey, actor: Actor): Promise<ApiKeyRecord> {
  const record = await insert(tx, key);
  const { organization, publicId, name, role, scopes, user, expiresAtMs } = record;
  const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
  const details = { name, role, scopes, user, expiresAt };
  await appendAudit(tx, { organization, action: 'api-key.create', target: publicId, details }, actor);
  return record;
}

/** Of a user whose role is now this one, or who is gone (null). @returns the public ids */
export async function revokeKeysOfUser(
  tx: Transaction,
  { organization, id, role }: { organization: OrganizationId; id: string; role: Role | null },
  actor: Actor,
): Promise<readonly string[]> {
  const kept = role === null ? [] : ROLES.filter((other) => roleAllows(role, other));
  const revoked = await tx.query<{ public_id: string }>(REVOKE_OF_USER, [organization, id, actor.atMs, kept]);
  return revoked.map((row) => row.public_id);
}

async function insert(tx: Transaction, key: NewApiKey): Promise<ApiKeyRecord> {
  if (key.user !== null) await assertUserMayHave(tx, key, key.user);
  const [row] = await tx
    .query<ApiKeyRow>(INSERT, [
      key.publicId,
      key.organization,
      key.secretHash,
      key.name,
      key.role,
      key.scopes,
      key.user,
      key.createdAtMs,
      key.expiresAtMs,
    ])
    .catch((error: unknown) => {
      if (sqlStateOf(error) !== FOREIGN_KEY_VIOLATION) throw error;
      throw new AppError('not-found', `There is no organization ${key.organization}`, { cause: error });
    });
  if (row === undefined) throw new AppError('conflict', `The API key id ${key.publicId} is taken`);
  return toApiKeyRecord(row);
}

async function assertUserMayHave(
  tx: Transaction,
  { organization, role }: NewApiKey,
  user: string,
): Promise<void> {
  const [row] = await tx.query<{ role: Role }>(LOCK_USER, [organization, user]);
  if (row === undefined) throw new AppError('not-found', `there is no user ${JSON.stringify(user)}`);
  if (roleAllows(row.role, role)) return;
  throw new AppError(
    'forbidden',
    `the user ${JSON.stringify(user)} is ${row.role}: no key of theirs is ${role}`,
  );
}

function toApiKeyRecord(row: ApiKeyRow): ApiKeyRecord {
  return {
    publicId: row.public_id,
    organization: row.organization,
    secretHash: row.secret_hash,
    name: row.name,
    role: row.role,
    scopes: row.scopes,
    user: row.user_id,
    createdAtMs: toSafeInteger(row.created_at_ms),
    expiresAtMs: toSafeIntegerOrNull(row.expires_at_ms),
    revokedAtMs: toSafeIntegerOrNull(row.revoked_at_ms),
    lastUsedAtMs: toSafeIntegerOrNull(row.last_used_at_ms),
    successor: row.successor,
  };
}

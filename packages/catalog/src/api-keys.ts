import { type ApiKeyRecord, AppError, type OrganizationId, type Role } from '@tidemark/core';
import type { ApiKeys, NewApiKey, SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger, toSafeIntegerOrNull } from './rows.ts';
import { sqlStateOf } from './sql-errors.ts';

interface ApiKeyRow {
  readonly public_id: string;
  readonly organization: OrganizationId;
  readonly secret_hash: string;
  readonly name: string;
  readonly role: Role;
  readonly created_at_ms: BigintText;
  readonly expires_at_ms: BigintText | null;
  readonly revoked_at_ms: BigintText | null;
}

const COLUMNS =
  'public_id, organization, secret_hash, name, role, created_at_ms, expires_at_ms, revoked_at_ms';

const INSERT = `
INSERT INTO api_keys (public_id, organization, secret_hash, name, role, created_at_ms, expires_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (public_id) DO NOTHING
RETURNING ${COLUMNS}`;

/** Keeps others from adding a key (they take a share of it by the foreign key) until the transaction ends. */
const LOCK_ORGANIZATION = 'SELECT id FROM organizations WHERE id = $1 FOR UPDATE';

const HAS_KEYS = 'SELECT 1 AS one FROM api_keys WHERE organization = $1 LIMIT 1';

const FIND = `SELECT ${COLUMNS} FROM api_keys WHERE public_id = $1`;

const LIST = `
SELECT ${COLUMNS} FROM api_keys WHERE organization = $1
ORDER BY created_at_ms DESC, public_id`;

const REVOKE = `
UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, $3)
WHERE organization = $1 AND public_id = $2
RETURNING public_id`;

const FOREIGN_KEY_VIOLATION = '23503';

/** `create` also throws not-found when there is no such organization. */
export function createApiKeys(executor: Pick<SqlExecutor, 'query' | 'transaction'>): ApiKeys {
  return {
    create: async (key) => await insert(executor, key),
    async createFirst(key) {
      // A statement of its own looks for keys: one that had waited for the lock would see what was there before.
      return await executor.transaction(async (tx) => {
        await tx.query(LOCK_ORGANIZATION, [key.organization]);
        const known = await tx.query(HAS_KEYS, [key.organization]);
        return known.length > 0 ? null : await insert(tx, key);
      });
    },
    async find(publicId) {
      const [row] = await executor.query<ApiKeyRow>(FIND, [publicId]);
      return row === undefined ? null : toApiKeyRecord(row);
    },
    async list(organization) {
      return (await executor.query<ApiKeyRow>(LIST, [organization])).map(toApiKeyRecord);
    },
    async revoke(organization, publicId, nowMs) {
      const revoked = await executor.query(REVOKE, [organization, publicId, nowMs]);
      return revoked.length > 0;
    },
  };
}

async function insert(executor: Pick<SqlExecutor, 'query'>, key: NewApiKey): Promise<ApiKeyRecord> {
  const [row] = await executor
    .query<ApiKeyRow>(INSERT, [
      key.publicId,
      key.organization,
      key.secretHash,
      key.name,
      key.role,
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

function toApiKeyRecord(row: ApiKeyRow): ApiKeyRecord {
  return {
    publicId: row.public_id,
    organization: row.organization,
    secretHash: row.secret_hash,
    name: row.name,
    role: row.role,
    createdAtMs: toSafeInteger(row.created_at_ms),
    expiresAtMs: toSafeIntegerOrNull(row.expires_at_ms),
    revokedAtMs: toSafeIntegerOrNull(row.revoked_at_ms),
  };
}

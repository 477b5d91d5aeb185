import { AppError, type OrganizationId, type Role } from '@tidemark/core';
import { revokeKeysOfUser } from './api-keys.ts';
import { appendAudit } from './audit-log.ts';
import type { SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';
import { sqlStateOf } from './sql-errors.ts';
import type { Actor, User, UserChange, Users } from './tenancy-port.ts';

interface UserRow {
  readonly organization: OrganizationId;
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly role: Role;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly created_at_ms: BigintText;
  readonly updated_at_ms: BigintText;
}

const COLUMNS = 'organization, id, name, email, role, issuer, subject, created_at_ms, updated_at_ms';

const INSERT = `
INSERT INTO users (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT DO NOTHING
RETURNING ${COLUMNS}`;

const FIND = `SELECT ${COLUMNS} FROM users WHERE organization = $1 AND id = $2`;

const MEMBERSHIP = 'SELECT role FROM users WHERE organization = $1 AND issuer = $2 AND subject = $3';

const LIST = `
SELECT ${COLUMNS} FROM users WHERE organization = $1 AND ($2::text IS NULL OR id > $2)
ORDER BY id LIMIT $3`;

const LOCK = `${FIND} FOR UPDATE`;

const UPDATE = `
UPDATE users SET name = $3, email = $4, role = $5, issuer = $6, subject = $7, updated_at_ms = $8
WHERE organization = $1 AND id = $2
RETURNING ${COLUMNS}`;

const DELETE = 'DELETE FROM users WHERE organization = $1 AND id = $2 RETURNING id';

const UNIQUE_VIOLATION = '23505';

export function createUsers(executor: Pick<SqlExecutor, 'query' | 'transaction'>): Users {
  return {
    async create({ organization, id, name, email, role, identity }, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<UserRow>(INSERT, [
          organization,
          id,
          name,
          email,
          role,
          identity?.issuer ?? null,
          identity?.subject ?? null,
          actor.atMs,
        ]);
        if (row === undefined) {
          throw new AppError('conflict', `the id or the identity of user ${JSON.stringify(id)} is taken`);
        }
        const details = { role, identity };
        await appendAudit(tx, { organization, action: 'user.create', target: id, details }, actor);
        return toUser(row);
      });
    },
    async find(organization, id) {
      const [row] = await executor.query<UserRow>(FIND, [organization, id]);
      return row === undefined ? null : toUser(row);
    },
    async membershipOf({ issuer, subject }, organization) {
      const [row] = await executor.query<{ role: Role }>(MEMBERSHIP, [organization, issuer, subject]);
      return row?.role ?? null;
    },
    async list(organization, { after, limit }) {
      return (await executor.query<UserRow>(LIST, [organization, after, limit])).map(toUser);
    },
    async change(organization, id, change, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<UserRow>(LOCK, [organization, id]);
        return row === undefined ? null : await applyChange(tx, toUser(row), change, actor);
      });
    },
    async delete(organization, id, actor) {
      return await executor.transaction(async (tx) => {
        const deleted = await tx.query(DELETE, [organization, id]);
        if (deleted.length === 0) return false;
        const revokedKeys = await revokeKeysOfUser(tx, { organization, id, role: null }, actor);
        const details = { revokedKeys };
        await appendAudit(tx, { organization, action: 'user.delete', target: id, details }, actor);
        return true;
      });
    },
  };
}

async function applyChange(
  tx: Pick<SqlExecutor, 'query'>,
  user: User,
  change: UserChange,
  actor: Actor,
): Promise<User> {
  const { organization, id, name, email, role, identity } = { ...user, ...change };
  const [row] = await tx
    .query<UserRow>(UPDATE, [
      organization,
      id,
      name,
      email,
      role,
      identity?.issuer ?? null,
      identity?.subject ?? null,
      actor.atMs,
    ])
    .catch((error: unknown) => {
      if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error;
      throw new AppError('conflict', 'another user of the organization has this identity', { cause: error });
    });
  const revokedKeys = await revokeKeysOfUser(tx, { organization, id, role }, actor);
  const details = { changed: Object.keys(change), role, identity, revokedKeys };
  await appendAudit(tx, { organization, action: 'user.change', target: id, details }, actor);
  return row === undefined ? user : toUser(row);
}

function toUser(row: UserRow): User {
  const { issuer, subject } = row;
  return {
    organization: row.organization,
    id: row.id,
    name: row.name,
    email: row.email,
    role: row.role,
    identity: issuer === null || subject === null ? null : { issuer, subject },
    createdAtMs: toSafeInteger(row.created_at_ms),
    updatedAtMs: toSafeInteger(row.updated_at_ms),
  };
}

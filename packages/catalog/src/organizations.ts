import {
  AppError,
  DEFAULT_ORGANIZATION_SETTINGS,
  type OrganizationId,
  type OrganizationSettings,
} from '@tidemark/core';
import { addApiKey } from './api-keys.ts';
import { appendAudit } from './audit-log.ts';
import type { SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger, toSafeIntegerOrNull } from './rows.ts';
import type {
  Actor,
  NewAuditEntry,
  Organization,
  OrganizationChange,
  Organizations,
} from './tenancy-port.ts';

interface OrganizationRow {
  readonly id: OrganizationId;
  readonly name: string;
  readonly created_at_ms: BigintText;
  readonly settings: Partial<OrganizationSettings>;
  readonly revision: BigintText;
  readonly disabled_at_ms: BigintText | null;
}

const COLUMNS = 'id, name, created_at_ms, settings, revision, disabled_at_ms';

const INSERT = `
INSERT INTO organizations (id, name, created_at_ms, settings) VALUES ($1, $2, $3, $4::jsonb)
ON CONFLICT (id) DO NOTHING
RETURNING ${COLUMNS}`;

const FIND = `SELECT ${COLUMNS} FROM organizations WHERE id = $1`;

const LIST = `
SELECT ${COLUMNS} FROM organizations
WHERE $1::text IS NULL OR id COLLATE "C" > $1
ORDER BY id COLLATE "C" LIMIT $2`;

/** Weaker than for update: keys and events of the organization may be added meanwhile. */
const LOCK = `${FIND} FOR NO KEY UPDATE`;

const UPDATE = `
UPDATE organizations SET name = $2, settings = $3::jsonb, disabled_at_ms = $4, revision = revision + 1
WHERE id = $1
RETURNING ${COLUMNS}`;

export function createOrganizations(executor: Pick<SqlExecutor, 'query' | 'transaction'>): Organizations {
  async function find(id: OrganizationId): Promise<Organization | null> {
    const [row] = await executor.query<OrganizationRow>(FIND, [id]);
    return row === undefined ? null : toOrganization(row);
  }

  return {
    async ensure(id, name, nowMs) {
      const [inserted] = await executor.query<OrganizationRow>(INSERT, [id, name, nowMs, '{}']);
      if (inserted !== undefined) return toOrganization(inserted);
      const existing = await find(id);
      if (existing === null) throw new AppError('conflict', `Organization ${id} was deleted meanwhile`);
      return existing;
    },
    async create({ id, name, limits }, firstKey, actor) {
      return await executor.transaction(async (tx) => {
        const settings = JSON.stringify({ limits });
        const [row] = await tx.query<OrganizationRow>(INSERT, [id, name, actor.atMs, settings]);
        if (row === undefined) throw new AppError('conflict', `the organization id ${id} is taken`);
        const details = { name, limits };
        await appendAudit(
          tx,
          { organization: id, action: 'organization.create', target: id, details },
          actor,
        );
        await addApiKey(tx, { ...firstKey, organization: id }, actor);
        return toOrganization(row);
      });
    },
    find,
    async list({ after, limit }) {
      return (await executor.query<OrganizationRow>(LIST, [after, limit])).map(toOrganization);
    },
    async change(id, change, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<OrganizationRow>(LOCK, [id]);
        return row === undefined ? null : await applyChange(tx, toOrganization(row), change, actor);
      });
    },
  };
}

async function applyChange(
  tx: Pick<SqlExecutor, 'query'>,
  organization: Organization,
  { name, limits, isDisabled }: OrganizationChange,
  actor: Actor,
): Promise<Organization> {
  const { id, settings, disabledAtMs } = organization;
  const entries: Pick<NewAuditEntry, 'action' | 'details'>[] = [];
  if (name !== undefined || limits !== undefined) {
    const details = {
      ...(name === undefined ? {} : { name }),
      ...(limits === undefined ? {} : { limits, before: { limits: settings.limits } }),
    };
    entries.push({ action: 'organization.change', details });
  }
  const becomes = isDisabled !== undefined && isDisabled !== (disabledAtMs !== null);
  if (becomes) {
    entries.push({ action: isDisabled ? 'organization.disable' : 'organization.enable', details: {} });
  }
  if (entries.length === 0) return organization;
  const since = isDisabled === true ? actor.atMs : null;
  const [row] = await tx.query<OrganizationRow>(UPDATE, [
    id,
    name ?? organization.name,
    JSON.stringify({ ...settings, limits: limits ?? settings.limits }),
    becomes ? since : disabledAtMs,
  ]);
  for (const entry of entries) await appendAudit(tx, { organization: id, target: id, ...entry }, actor);
  return row === undefined ? organization : toOrganization(row);
}

function toOrganization(row: OrganizationRow): Organization {
  return {
    id: row.id,
    name: row.name,
    createdAtMs: toSafeInteger(row.created_at_ms),
    settings: { ...DEFAULT_ORGANIZATION_SETTINGS, ...row.settings },
    revision: toSafeInteger(row.revision),
    disabledAtMs: toSafeIntegerOrNull(row.disabled_at_ms),
  };
}

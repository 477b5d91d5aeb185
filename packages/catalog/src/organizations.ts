import { AppError, type OrganizationId } from '@tidemark/core';
import type { Organization, Organizations, SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';

interface OrganizationRow {
  readonly id: OrganizationId;
  readonly name: string;
  readonly created_at_ms: BigintText;
}

const INSERT = `
INSERT INTO organizations (id, name, created_at_ms) VALUES ($1, $2, $3)
ON CONFLICT (id) DO NOTHING
RETURNING id, name, created_at_ms`;

const FIND = 'SELECT id, name, created_at_ms FROM organizations WHERE id = $1';

const LIST = 'SELECT id, name, created_at_ms FROM organizations ORDER BY id';

export function createOrganizations(executor: Pick<SqlExecutor, 'query'>): Organizations {
  async function find(id: OrganizationId): Promise<Organization | null> {
    const [row] = await executor.query<OrganizationRow>(FIND, [id]);
    return row === undefined ? null : toOrganization(row);
  }

  return {
    async ensure(id, name, nowMs) {
      const [inserted] = await executor.query<OrganizationRow>(INSERT, [id, name, nowMs]);
      if (inserted !== undefined) return toOrganization(inserted);
      const existing = await find(id);
      if (existing === null) throw new AppError('conflict', `Organization ${id} was deleted meanwhile`);
      return existing;
    },
    find,
    async list() {
      return (await executor.query<OrganizationRow>(LIST)).map(toOrganization);
    },
  };
}

function toOrganization(row: OrganizationRow): Organization {
  return { id: row.id, name: row.name, createdAtMs: toSafeInteger(row.created_at_ms) };
}

import type { OrganizationId } from '@tidemark/core';
import type { SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';
import type { Actor, AuditAction, AuditEntry, AuditLog, NewAuditEntry } from './tenancy-port.ts';

interface AuditRow {
  readonly id: BigintText;
  readonly organization: OrganizationId;
  readonly at_ms: BigintText;
  readonly actor_organization: OrganizationId;
  readonly actor_credential: string;
  readonly actor_user: string | null;
  readonly action: AuditAction;
  readonly target: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly request_id: string | null;
}

const COLUMNS =
  'organization, at_ms, actor_organization, actor_credential, actor_user, action, target, details, request_id';

/** One entry for each of the organizations. */
const INSERT = `
INSERT INTO audit_log (${COLUMNS})
SELECT organization, $2::bigint, $3, $4, $5, $6, $7, $8::jsonb, $9
FROM unnest($1::text[]) AS concerned (organization)`;

const LIST = `
SELECT id, ${COLUMNS} FROM audit_log
WHERE organization = $1
  AND ($2::bigint IS NULL OR at_ms >= $2) AND ($3::bigint IS NULL OR at_ms < $3)
  AND ($4::text IS NULL OR action = $4)
  AND ($5::text IS NULL OR actor_credential = $5 OR actor_user = $5)
  AND ($6::bigint IS NULL OR (at_ms, id) < ($6, $7::bigint))
ORDER BY at_ms DESC, id DESC
LIMIT $8`;

/** Within the transaction of the change. What one organization does to another is told to both. */
export async function appendAudit(
  executor: Pick<SqlExecutor, 'query'>,
  { organization, action, target, details }: NewAuditEntry,
  actor: Actor,
): Promise<void> {
  await executor.query(INSERT, [
    [...new Set([organization, actor.organization])],
    actor.atMs,
    actor.organization,
    actor.credentialId,
    actor.user,
    action,
    toStorable(target),
    JSON.stringify(details, (_name, value: unknown) =>
      typeof value === 'string' ? toStorable(value) : value,
    ),
    actor.requestId,
  ]);
}

/** Postgres holds neither NUL nor half a surrogate pair, and both may stand in what was asked: U+FFFD stands for them. */
function toStorable(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\ufffd');
}

export function createAuditLog(executor: Pick<SqlExecutor, 'query'>): AuditLog {
  return {
    append: async (entry, actor) => await appendAudit(executor, entry, actor),
    async list({ organization, fromMs, toMs, action, actor }, { after, limit }) {
      const parameters = [
        organization,
        fromMs,
        toMs,
        action,
        actor,
        after?.atMs ?? null,
        after?.id ?? null,
        limit,
      ];
      return (await executor.query<AuditRow>(LIST, parameters)).map(toEntry);
    },
  };
}

function toEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    organization: row.organization,
    action: row.action,
    target: row.target,
    details: row.details,
    actor: {
      organization: row.actor_organization,
      credentialId: row.actor_credential,
      user: row.actor_user,
      requestId: row.request_id,
      atMs: toSafeInteger(row.at_ms),
    },
  };
}

import type { Clock, Fault } from '@tidemark/core';
import type { AuditCursor, AuditEntry, AuditLog } from '@tidemark/catalog';
import { AuditLogSchema, AuditParametersSchema, TENANCY_PAGE_DEFAULT } from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { readInstant, refusal, toInstant } from './ranges.ts';
import { problemResponses } from './responses.ts';
import { NO_STORE, wrongCursor } from './tenancy-wire.ts';

/** `<milliseconds>.<id>`, as the catalog counts them; more digits than a bigint holds are none of ours. */
const CURSOR = /^(\d{1,15})\.(\d{1,18})$/;

export interface AuditRoutesOptions {
  readonly auditLog: Pick<AuditLog, 'list'>;
  readonly access: Access;
  readonly clock: Clock;
}

/** To be read, and nothing else: no route changes it. */
export function registerAuditRoutes(app: HttpServer, { auditLog, access, clock }: AuditRoutesOptions): void {
  app.get(
    '/api/v1/audit-log',
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: ['Audit log'],
        summary: 'Who has administered what, newest first',
        querystring: AuditParametersSchema,
        response: { 200: AuditLogSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { from, to, action = null, actor = null, limit = TENANCY_PAGE_DEFAULT, cursor } = request.query;
      const faults: Fault[] = [];
      const nowMs = clock.nowMs();
      const fromMs = from === undefined ? null : readInstant(from, 'from', nowMs, faults);
      const toMs = to === undefined ? null : readInstant(to, 'to', nowMs, faults);
      if (faults.length > 0) throw refusal(faults);
      const page = { after: decodeCursor(cursor), limit };
      const found = await auditLog.list({ organization, fromMs, toMs, action, actor }, page);
      const last = found.at(-1);
      const isLast = last === undefined || found.length < limit;
      return reply.header('cache-control', NO_STORE).send({
        entries: found.map(toEntry),
        cursor: isLast ? null : encodeCursor({ atMs: last.actor.atMs, id: last.id }),
      });
    },
  );
}

function toEntry({ id, actor, action, target, details }: AuditEntry) {
  const { organization, credentialId: credential, user, requestId, atMs } = actor;
  return {
    id,
    at: toInstant(atMs),
    actor: { organization, credential, user },
    action,
    target,
    details: { ...details },
    requestId,
  };
}

function encodeCursor({ atMs, id }: AuditCursor): string {
  return Buffer.from(`${atMs}.${id}`).toString('base64url');
}

/** @throws invalid-request when the text is no cursor of ours */
function decodeCursor(text: string | undefined): AuditCursor | null {
  if (text === undefined) return null;
  const [, atMs, id] = CURSOR.exec(Buffer.from(text, 'base64url').toString('utf8')) ?? [];
  if (atMs === undefined || id === undefined) throw wrongCursor();
  return { atMs: Number(atMs), id };
}

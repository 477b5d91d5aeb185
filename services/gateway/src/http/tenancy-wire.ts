/** What the routes of administration share: records as the API tells them, pages, and what no id looks like. */
import { AppError, parseOrganizationId } from '@tidemark/core';
import type { ApiKeyRecord, Clock, OrganizationId } from '@tidemark/core';
import type { Organization, Page, User } from '@tidemark/catalog';
import { TENANCY_PAGE_DEFAULT } from '@tidemark/contracts';
import { toInstant } from './ranges.ts';

export const NO_STORE = 'private, no-store';

const toInstantOrNull = (ms: number | null) => (ms === null ? null : toInstant(ms));

export function toApiKey(record: ApiKeyRecord) {
  return {
    id: record.publicId,
    name: record.name,
    role: record.role,
    scopes: record.scopes === null ? null : [...record.scopes],
    user: record.user,
    createdAt: toInstant(record.createdAtMs),
    expiresAt: toInstantOrNull(record.expiresAtMs),
    revokedAt: toInstantOrNull(record.revokedAtMs),
    lastUsedAt: toInstantOrNull(record.lastUsedAtMs),
    successor: record.successor,
  };
}

export function toOrganization({ id, name, createdAtMs, disabledAtMs, revision, settings }: Organization) {
  return {
    id,
    name,
    createdAt: toInstant(createdAtMs),
    disabledAt: toInstantOrNull(disabledAtMs),
    revision,
    settings: toSettings(settings),
  };
}

export function toSettings(settings: Organization['settings']) {
  const { enabledPacks } = settings;
  return { ...settings, enabledPacks: enabledPacks === null ? null : [...enabledPacks] };
}

export function toUser({ id, name, email, role, identity, createdAtMs, updatedAtMs }: User) {
  const times = { createdAt: toInstant(createdAtMs), updatedAt: toInstant(updatedAtMs) };
  return { id, name, email, role, identity, ...times };
}

/** @throws not-found for what is no id */
export function readOrganizationId(text: string): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw notFound('organization', text);
  return id;
}

export function notFound(what: string, id: string): AppError {
  return new AppError('not-found', `there is no ${what} ${JSON.stringify(id)}`);
}

/** Postgres holds no NUL: an id with one is nobody's. */
export function isStorable(id: string): boolean {
  return !id.includes('\0');
}

interface PageParameters {
  readonly limit?: number;
  readonly cursor?: string;
}

/** @throws invalid-request when the cursor is none of ours */
export function readPage({ limit = TENANCY_PAGE_DEFAULT, cursor }: PageParameters): Page {
  if (cursor === undefined) return { after: null, limit };
  const after = Buffer.from(cursor, 'base64url').toString('utf8');
  if (after === '' || !isStorable(after) || encodeId(after) !== cursor) throw wrongCursor();
  return { after, limit };
}

/** The cursor behind a page; null when it was the last one. */
export function cursorAfter(ids: readonly string[], { limit }: Page): string | null {
  const last = ids.at(-1);
  return last === undefined || ids.length < limit ? null : encodeId(last);
}

function encodeId(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url');
}

export function wrongCursor(): AppError {
  const detail = 'is not the cursor of an earlier answer';
  const faults = [{ code: 'invalid-request', pointer: '/cursor', detail } as const];
  return new AppError('invalid-request', `cursor ${detail}`, { faults });
}

/** @throws invalid-request unless it lies in the future */
export function readExpiry(expiresAt: string | undefined, clock: Clock): number | null {
  if (expiresAt === undefined) return null;
  const expiresAtMs = Date.parse(expiresAt);
  if (expiresAtMs > clock.nowMs()) return expiresAtMs;
  const detail = `${expiresAt} is not in the future`;
  const faults = [{ code: 'invalid-request', pointer: '/expiresAt', detail } as const];
  throw new AppError('invalid-request', `expiresAt ${detail}`, { faults });
}

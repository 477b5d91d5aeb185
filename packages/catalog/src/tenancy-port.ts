/** The part of the catalog that people administer: whose data, who may do what, and who has done what. */
import type {
  ApiKeyRecord,
  OrganizationId,
  OrganizationLimits,
  OrganizationSettings,
  Role,
} from '@tidemark/core';

/** Who administers, and when. Every change below is written together with its entry of the audit log, in one transaction. */
export interface Actor {
  readonly organization: OrganizationId;
  /** `Principal.credentialId`; `system` for what an instance does by itself. */
  readonly credentialId: string;
  readonly user: string | null;
  /** Null when no request asked for it. */
  readonly requestId: string | null;
  readonly atMs: number;
}

/** For what an instance does by itself, as the first key at its first start. */
export function systemActor(organization: OrganizationId, atMs: number): Actor {
  return { organization, credentialId: 'system', user: null, requestId: null, atMs };
}

/** A part of a list in ascending order of ids. */
export interface Page {
  /** The last id of the page before; null: from the beginning. */
  readonly after: string | null;
  readonly limit: number;
}

export interface Organization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly createdAtMs: number;
  readonly settings: OrganizationSettings;
  /** Grows with every change of its settings, its name, its state and its metrics. */
  readonly revision: number;
  /** Since then none of its credentials is good; null: it is not disabled. */
  readonly disabledAtMs: number | null;
}

export interface NewOrganization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly limits: OrganizationLimits;
}

/** What is absent stays as it is. */
export interface OrganizationChange {
  readonly name?: string;
  /** All of them: what is absent here is no longer limited by the organization. */
  readonly limits?: OrganizationLimits;
  readonly isDisabled?: boolean;
}

export interface Organizations {
  /** Idempotent: returns the existing one when the id is taken. */
  ensure(id: OrganizationId, name: string, nowMs: number): Promise<Organization>;
  /** With its first key. @throws conflict when the id, or the public id of the key, is taken */
  create(organization: NewOrganization, firstKey: NewApiKey, actor: Actor): Promise<Organization>;
  find(id: OrganizationId): Promise<Organization | null>;
  /** Ascending by id. */
  list(page: Page): Promise<readonly Organization[]>;
  /** Null when there is none. Idempotent: keeps the first time of being disabled. */
  change(id: OrganizationId, change: OrganizationChange, actor: Actor): Promise<Organization | null>;
}

/** Who somebody is to an issuer of tokens. */
export interface ExternalIdentity {
  readonly issuer: string;
  readonly subject: string;
}

export interface User {
  readonly organization: OrganizationId;
  /** Unique in the organization: the id that events name. */
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  /** The most that a key of this user may be. */
  readonly role: Role;
  /** Unique in the organization. */
  readonly identity: ExternalIdentity | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export type NewUser = Omit<User, 'createdAtMs' | 'updatedAtMs'>;
export type UserChange = Partial<Pick<User, 'name' | 'email' | 'role' | 'identity'>>;

/** Of one organization each: a user of another one is not there. */
export interface Users {
  /** @throws conflict when the id or the identity is taken */
  create(user: NewUser, actor: Actor): Promise<User>;
  find(organization: OrganizationId, id: string): Promise<User | null>;
  /** The role of whoever an issuer of tokens vouches for; null: no user of the organization has this identity. */
  membershipOf(identity: ExternalIdentity, organization: OrganizationId): Promise<Role | null>;
  /** Ascending by id. */
  list(organization: OrganizationId, page: Page): Promise<readonly User[]>;
  /** Revokes the user's keys whose role the new one does not allow. Null when there is none. @throws conflict when the identity is taken */
  change(organization: OrganizationId, id: string, change: UserChange, actor: Actor): Promise<User | null>;
  /** Revokes the user's keys. False when there is none. */
  delete(organization: OrganizationId, id: string, actor: Actor): Promise<boolean>;
}

export type NewApiKey = Omit<ApiKeyRecord, 'revokedAtMs' | 'lastUsedAtMs' | 'successor'>;

export interface Rotation {
  /** Of the same organization. */
  readonly successor: NewApiKey;
  /** When the old key stops working; never later than it would have. */
  readonly endsAtMs: number;
}

export interface KeyUse {
  readonly publicId: string;
  readonly atMs: number;
}

export interface ApiKeys {
  /**
   * @throws conflict when the public id is taken; not-found when the organization has no such user; forbidden when the user's role does
   * not allow that of the key
   */
  create(key: NewApiKey, actor: Actor): Promise<ApiKeyRecord>;
  /**
   * As `create`, but only for an organization that has never had a key (revoked ones count): of several callers at once one gets it.
   * @returns null when there is a key already @throws conflict when the public id is taken
   */
  createFirst(key: NewApiKey, actor: Actor): Promise<ApiKeyRecord | null>;
  /** Across organizations: the id is what a stranger presents. Revoked and expired keys are returned too. */
  find(publicId: string): Promise<ApiKeyRecord | null>;
  /** Newest first, of one organization, revoked ones included. */
  list(organization: OrganizationId): Promise<readonly ApiKeyRecord[]>;
  /** False when the organization has no such key. Idempotent: keeps the first time of revocation. */
  revoke(organization: OrganizationId, publicId: string, actor: Actor): Promise<boolean>;
  /**
   * Adds a successor and ends the old key at the given time. Of several callers at once, all but the first see its successor.
   * @param plan from the key as it is, nobody else changes it meanwhile; what it throws ends the rotation
   * @returns the successor; null when the organization has no such key
   */
  rotate(
    organization: OrganizationId,
    publicId: string,
    plan: (key: ApiKeyRecord) => Rotation,
    actor: Actor,
  ): Promise<ApiKeyRecord | null>;
  /** Times of last use, in batches; keys that somebody changes just now are left out. Never goes back. */
  noteUses(uses: readonly KeyUse[]): Promise<void>;
}

/** A metric that an organization has declared for itself. What a declaration says is checked by who puts it. */
export interface OwnMetric {
  readonly key: string;
  readonly declaration: unknown;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Of the organization when it was put last. */
  readonly revision: number;
  /** Null: no rollups are made of it. */
  readonly rollup: OwnRollup | null;
}

/** The measure that rollups are made of for an own metric. */
export interface OwnRollup {
  readonly fingerprint: string;
  /** Names this spell of being adopted. */
  readonly adoption: bigint;
  readonly isConfirmed: boolean;
}

/** What an organization asks differently from others. Each change raises its revision, in the same transaction. */
export interface Definitions {
  /** One row by its key: may be asked before each use of something cached by revision. 0 for a stranger. */
  revisionOf(organization: OrganizationId): Promise<number>;
  /** The defaults for a stranger. */
  settingsOf(organization: OrganizationId): Promise<OrganizationSettings>;
  /**
   * @param change from the settings as they are, nobody else changes them meanwhile; what it throws ends it
   * @returns the settings afterwards @throws not-found when there is no such organization
   */
  changeSettings(
    organization: OrganizationId,
    change: SettingsChange,
    actor: Actor,
  ): Promise<OrganizationSettings>;
  /** Ascending by key. */
  metricsOf(organization: OrganizationId): Promise<readonly OwnMetric[]>;
  /** Adds or replaces; what differs from before has no rollups until it is adopted anew. @throws conflict beyond `OWN_METRICS_MAX`; not-found when there is no such organization */
  putMetric(
    organization: OrganizationId,
    key: string,
    declaration: unknown,
    actor: Actor,
  ): Promise<OwnMetric>;
  /**
   * From here on every claim is answered with rollups of the measure, too: whoever claims reads `metricsOf` after it. Adopting the adopted
   * measure changes nothing.
   * @param revision of the metric that the measure was compiled from
   * @returns null when the metric has been put again since, or deleted
   */
  adoptMetric(
    organization: OrganizationId,
    key: string,
    measure: { readonly fingerprint: string; readonly revision: number },
  ): Promise<OwnRollup | null>;
  /** Call after every bucket that may lack its rollups is durably marked. Nothing when it was adopted anew since, or given up. */
  confirmMetric(organization: OrganizationId, key: string, adoption: bigint): Promise<void>;
  /** For a claimant that cannot make these rollups: from here on the metric is answered from raw. */
  giveUpMetric(organization: OrganizationId, key: string, adoption: bigint): Promise<void>;
  /** False when there is none. */
  deleteMetric(organization: OrganizationId, key: string, actor: Actor): Promise<boolean>;
}

export interface SettingsChange {
  readonly action: Extract<AuditAction, 'settings.change' | 'pack.enable' | 'pack.disable'>;
  /** What it is about, for the audit log. */
  readonly target: string;
  readonly apply: (settings: OrganizationSettings) => OrganizationSettings;
}

/** Metrics of one organization: each is compiled and held in memory by everybody who answers its questions. */
export const OWN_METRICS_MAX = 1_000;

export const AUDIT_ACTIONS = [
  'api-key.create',
  'api-key.revoke',
  'api-key.rotate',
  'cache.delete',
  'dead-letter.discard',
  'dead-letter.replay',
  'dead-letters.replay',
  'metric.backfill',
  'metric.delete',
  'metric.put',
  'organization.change',
  'organization.create',
  'organization.disable',
  'organization.enable',
  'pack.disable',
  'pack.enable',
  'rollups.rebuild',
  'settings.change',
  'user.change',
  'user.create',
  'user.delete',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface NewAuditEntry {
  /** Whom it concerns: it is told to this organization, and to that of the actor. */
  readonly organization: OrganizationId;
  readonly action: AuditAction;
  /** What was acted on: the id of a key, a user, a metric, an organization. */
  readonly target: string;
  /** JSON; no secrets, no names of people. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditEntry extends NewAuditEntry {
  readonly id: string;
  readonly actor: Actor;
}

export interface AuditFilter {
  readonly organization: OrganizationId;
  /** [fromMs, toMs); null: open. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly action: string | null;
  /** A credential or a user. */
  readonly actor: string | null;
}

/** Behind this entry, in the order of the list. */
export interface AuditCursor {
  readonly atMs: number;
  readonly id: string;
}

/** Grows only. Changes within the catalog write their own entries. */
export interface AuditLog {
  /**
   * For an act outside the catalog. Call it BEFORE the act, which is not done when this fails: so an act without an entry cannot be, and
   * an entry says what was begun.
   */
  append(entry: NewAuditEntry, actor: Actor): Promise<void>;
  /** Newest first. */
  list(
    filter: AuditFilter,
    page: { readonly after: AuditCursor | null; readonly limit: number },
  ): Promise<readonly AuditEntry[]>;
}

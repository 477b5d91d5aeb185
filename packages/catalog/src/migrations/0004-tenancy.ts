import type { Migration } from './migration.ts';

/**
 * Organizations with settings, users, keys in full, metrics of an organization's own, and who did what. Every change of what an
 * organization has set or declared raises its `revision`, in the same transaction.
 */
export const tenancy: Migration = {
  number: 4,
  name: 'tenancy',
  statements: [
    `ALTER TABLE organizations
      ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
      ADD COLUMN revision bigint NOT NULL DEFAULT 0,
      ADD COLUMN disabled_at_ms bigint`,
    // The id is the one that events name, so that a viewer's own data can be told. A person in two organizations is a user of each.
    `CREATE TABLE users (
      organization text NOT NULL REFERENCES organizations (id),
      id text COLLATE "C" NOT NULL,
      name text NOT NULL,
      email text,
      role text NOT NULL CHECK (role IN ('producer', 'viewer', 'admin')),
      issuer text,
      subject text,
      created_at_ms bigint NOT NULL,
      updated_at_ms bigint NOT NULL,
      PRIMARY KEY (organization, id),
      CHECK ((issuer IS NULL) = (subject IS NULL))
    )`,
    'CREATE UNIQUE INDEX users_by_identity ON users (organization, issuer, subject) WHERE issuer IS NOT NULL',
    // A key outlives its user, revoked: who it belonged to is still told. Hence no reference.
    `ALTER TABLE api_keys
      ADD COLUMN scopes text[],
      ADD COLUMN user_id text,
      ADD COLUMN last_used_at_ms bigint,
      ADD COLUMN successor text REFERENCES api_keys (public_id)`,
    `CREATE TABLE metrics (
      organization text NOT NULL REFERENCES organizations (id),
      key text COLLATE "C" NOT NULL,
      declaration jsonb NOT NULL,
      created_at_ms bigint NOT NULL,
      updated_at_ms bigint NOT NULL,
      revision bigint NOT NULL,
      PRIMARY KEY (organization, key)
    )`,
    `CREATE TABLE audit_log (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      organization text NOT NULL REFERENCES organizations (id),
      at_ms bigint NOT NULL,
      actor_organization text NOT NULL,
      actor_credential text NOT NULL,
      actor_user text,
      action text NOT NULL,
      target text NOT NULL,
      details jsonb NOT NULL,
      request_id text
    )`,
    'CREATE INDEX audit_log_by_time ON audit_log (organization, at_ms, id)',
  ],
};

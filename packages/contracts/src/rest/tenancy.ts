/** `/api/v1/organizations`, `/organization`, `/packs`, `/users`, `/api-keys`, `/audit-log`: whose data, who may do what, who has done what. */
import { ORGANIZATION_LIMIT_BOUNDS, ROLES, SCOPES, WEEKDAYS } from '@tidemark/core';
import type { OrganizationLimits } from '@tidemark/core';
import Type, { type Static } from 'typebox';
import { FROM_DESCRIPTION, Instant, instantText, oneOf } from './shapes.ts';

const NAME_LENGTH_MAX = 200;
/** No control characters: a NUL is more than Postgres takes, and the others spoil lists and logs. */
const PRINTABLE = '^[^\\u0000-\\u001f\\u007f]+$';
export const TENANCY_PAGE_MAX = 1_000;
export const TENANCY_PAGE_DEFAULT = 100;
/** A key may go on for so long beside its successor. */
export const KEY_OVERLAP_SECONDS_MAX = 7 * 24 * 60 * 60;

const printable = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: PRINTABLE, description });
const orNull = <const T extends Parameters<typeof Type.Optional>[0]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const Name = printable(NAME_LENGTH_MAX, 'For people');
const RoleSchema = oneOf(ROLES);
const CursorOrNull = Type.Union([Type.String(), Type.Null()], { description: 'Null: there are no more' });
const closed = { additionalProperties: false };

const pageMembers = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: TENANCY_PAGE_MAX,
      description: `${TENANCY_PAGE_DEFAULT} when absent`,
    }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 1_024, description: 'The `cursor` of the page before' })),
};
export const TenancyPageSchema = Type.Object(pageMembers, { title: 'TenancyPage', ...closed });

// Organizations

export const ORGANIZATION_ID_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$';

const LimitsSchema = Type.Unsafe<OrganizationLimits>(
  Type.Object(
    Object.fromEntries(
      Object.entries(ORGANIZATION_LIMIT_BOUNDS).map(([name, bounds]) => [
        name,
        Type.Optional(Type.Integer(bounds)),
      ]),
    ),
    { ...closed, description: 'What is absent is as the instance is configured' },
  ),
);

const settingsMembers = {
  enabledPacks: Type.Union(
    [Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 200 }), Type.Null()],
    {
      description: 'Keys of packs; null: all that there are',
    },
  ),
  limits: LimitsSchema,
  fiscalYearStart: Type.Integer({ minimum: 1, maximum: 12, description: 'The month that begins a year' }),
  timeZone: Type.String({ minLength: 1, maxLength: 64, description: 'IANA; of questions that name none' }),
  weekStart: oneOf(WEEKDAYS),
};
export const OrganizationSettingsSchema = Type.Object(settingsMembers, { title: 'OrganizationSettings' });

/** Replaces: what is absent takes its default, but for `limits`, which stay. */
export const OrganizationSettingsRequestSchema = Type.Partial(Type.Object(settingsMembers), {
  title: 'OrganizationSettingsRequest',
  ...closed,
});

const organizationMembers = {
  id: Type.String(),
  name: Type.String(),
  createdAt: Instant,
  disabledAt: orNull(Instant),
  revision: Type.Integer({ minimum: 0, description: 'Grows with each change of settings and metrics' }),
  settings: OrganizationSettingsSchema,
};
export const OrganizationSchema = Type.Object(organizationMembers, { title: 'Organization' });
export const OrganizationListSchema = Type.Object(
  { organizations: Type.Array(OrganizationSchema), cursor: CursorOrNull },
  { title: 'OrganizationList' },
);
export const OrganizationRequestSchema = Type.Object(
  {
    id: Type.String({ pattern: ORGANIZATION_ID_PATTERN }),
    name: Name,
    limits: Type.Optional(LimitsSchema),
  },
  { title: 'OrganizationRequest', ...closed },
);
export const OrganizationChangeSchema = Type.Object(
  { name: Type.Optional(Name), limits: Type.Optional(LimitsSchema), disabled: Type.Optional(Type.Boolean()) },
  { title: 'OrganizationChange', ...closed, minProperties: 1 },
);

// Packs

const PackStateSchema = Type.Object(
  { key: Type.String(), title: Type.String(), description: Type.String(), enabled: Type.Boolean() },
  { title: 'PackState' },
);
export const PackListSchema = Type.Object({ packs: Type.Array(PackStateSchema) }, { title: 'PackList' });
export const PackRequestSchema = Type.Object(
  { enabled: Type.Boolean() },
  { title: 'PackRequest', ...closed },
);
export { PackStateSchema };

// Users

const UserId = printable(NAME_LENGTH_MAX, 'Unique in the organization: the id that events and tokens name');
const Identity = orNull(
  Type.Object(
    {
      issuer: printable(1_024, '`iss` of the tokens'),
      subject: printable(256, '`sub` of the tokens'),
    },
    closed,
  ),
);
const userMembers = {
  name: Name,
  email: orNull(
    Type.String({
      minLength: 3,
      maxLength: 320,
      pattern: '^[^\\u0000-\\u0020\\u007f@]+@[^\\u0000-\\u0020\\u007f@]+$',
    }),
  ),
  role: RoleSchema,
  identity: Identity,
};
export const UserSchema = Type.Object(
  { id: Type.String(), ...userMembers, createdAt: Instant, updatedAt: Instant },
  { title: 'User' },
);
export const UserListSchema = Type.Object(
  { users: Type.Array(UserSchema), cursor: CursorOrNull },
  { title: 'UserList' },
);
export const UserRequestSchema = Type.Object(
  {
    id: UserId,
    name: Name,
    role: RoleSchema,
    email: Type.Optional(userMembers.email),
    identity: Type.Optional(Identity),
  },
  { title: 'UserRequest', ...closed },
);
export const UserChangeSchema = Type.Partial(Type.Object(userMembers), {
  title: 'UserChange',
  ...closed,
  minProperties: 1,
});

// API keys

const ScopesSchema = Type.Array(oneOf(SCOPES), {
  minItems: 1,
  maxItems: SCOPES.length,
  description: 'What the key is held to, of what its role allows',
});
const apiKeyMembers = {
  id: Type.String({ description: 'The public part of the key' }),
  name: Type.String(),
  role: RoleSchema,
  scopes: orNull(ScopesSchema),
  user: orNull(Type.String()),
  createdAt: Instant,
  expiresAt: orNull(Instant),
  revokedAt: orNull(Instant),
  lastUsedAt: Type.Union([Instant, Type.Null()], { description: 'To a minute or so' }),
  successor: Type.Union([Type.String(), Type.Null()], { description: 'The key that replaces it' }),
};
export const ApiKeySchema = Type.Object(apiKeyMembers, { title: 'ApiKey' });
export const ApiKeyListSchema = Type.Object({ apiKeys: Type.Array(ApiKeySchema) }, { title: 'ApiKeyList' });
export const NewApiKeySchema = Type.Object(
  { ...apiKeyMembers, key: Type.String({ description: 'The whole key; shown this once' }) },
  { title: 'NewApiKey' },
);
export const NewOrganizationSchema = Type.Object(
  { ...organizationMembers, apiKey: NewApiKeySchema },
  { title: 'NewOrganization' },
);
export const ApiKeyRequestSchema = Type.Object(
  {
    name: Name,
    role: RoleSchema,
    scopes: Type.Optional(ScopesSchema),
    user: Type.Optional(UserId),
    expiresAt: Type.Optional(Instant),
  },
  { title: 'ApiKeyRequest', ...closed },
);
export const KeyRotationRequestSchema = Type.Object(
  {
    overlapSeconds: Type.Integer({
      minimum: 0,
      maximum: KEY_OVERLAP_SECONDS_MAX,
      description: 'How long the old key goes on',
    }),
    expiresAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'As long as the old key was given, when absent' }),
    ),
  },
  { title: 'KeyRotationRequest', ...closed },
);

// Audit log

const ActorSchema = Type.Object({
  organization: Type.String(),
  credential: Type.String({ description: '`system`: the product by itself' }),
  user: orNull(Type.String()),
});
export const AuditLogSchema = Type.Object(
  {
    entries: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          at: Instant,
          actor: ActorSchema,
          action: Type.String(),
          target: Type.String(),
          details: Type.Record(Type.String(), Type.Unknown()),
          requestId: orNull(Type.String()),
        },
        { title: 'AuditEntry' },
      ),
      { description: 'Newest first' },
    ),
    cursor: CursorOrNull,
  },
  { title: 'AuditLog' },
);
export const AuditParametersSchema = Type.Object(
  {
    ...pageMembers,
    from: Type.Optional(instantText(`Earliest: ${FROM_DESCRIPTION}`)),
    to: Type.Optional(instantText('Behind the latest')),
    action: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    actor: Type.Optional(printable(512, 'A credential or a user')),
  },
  { title: 'AuditParameters', ...closed },
);
export type AuditParameters = Static<typeof AuditParametersSchema>;

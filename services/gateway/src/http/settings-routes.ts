import Type from 'typebox';
import { AppError, parseOrganizationSettings } from '@tidemark/core';
import type { OrganizationSettings, Pack } from '@tidemark/core';
import type { Definitions } from '@tidemark/catalog';
import {
  OrganizationSettingsRequestSchema,
  OrganizationSettingsSchema,
  PackListSchema,
  PackRequestSchema,
  PackStateSchema,
} from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';
import { notFound, NO_STORE, toSettings } from './tenancy-wire.ts';

const SETTINGS = '/api/v1/organization/settings';
const PACKS = '/api/v1/packs';
const TAGS = ['Settings'];

export interface SettingsRoutesOptions {
  readonly definitions: Pick<Definitions, 'settingsOf' | 'changeSettings'>;
  /** All that there are. */
  readonly packs: readonly Pack[];
  readonly access: Access;
}

export function registerSettingsRoutes(app: HttpServer, options: SettingsRoutesOptions): void {
  registerSettings(app, options);
  registerPackList(app, options);
  registerPackSwitch(app, options);
}

function registerSettings(app: HttpServer, { definitions, packs, access }: SettingsRoutesOptions): void {
  app.get(
    SETTINGS,
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: TAGS,
        summary: 'The settings of the organization',
        response: { 200: OrganizationSettingsSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const settings = await definitions.settingsOf(access.principalOf(request).organization);
      return reply.header('cache-control', NO_STORE).send(toSettings(settings));
    },
  );
  app.put(
    SETTINGS,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Replace the settings of the organization',
        description:
          'What is absent takes its default. `limits` are the operator’s to change (PATCH /api/v1/organizations/{id}): left out, or as they are.',
        body: OrganizationSettingsRequestSchema,
        response: { 200: OrganizationSettingsSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const wanted = parseOrganizationSettings(request.body);
      assertKnown(wanted, packs);
      const apply = (settings: OrganizationSettings) => {
        if (request.body.limits !== undefined) assertSameLimits(wanted, settings);
        return { ...wanted, limits: settings.limits };
      };
      const change = { action: 'settings.change', target: organization, apply } as const;
      const settings = await definitions.changeSettings(organization, change, access.actorOf(request));
      return reply.header('cache-control', NO_STORE).send(toSettings(settings));
    },
  );
}

function registerPackList(app: HttpServer, { definitions, packs, access }: SettingsRoutesOptions): void {
  app.get(
    PACKS,
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: TAGS,
        summary: 'The packs that there are, and which of them the organization uses',
        response: { 200: PackListSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const settings = await definitions.settingsOf(access.principalOf(request).organization);
      return reply
        .header('cache-control', NO_STORE)
        .send({ packs: packs.map((pack) => toPackState(pack, settings)) });
    },
  );
}

function registerPackSwitch(app: HttpServer, { definitions, packs, access }: SettingsRoutesOptions): void {
  app.put(
    `${PACKS}/:key`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Use a pack, or no longer; its events are kept either way',
        params: Type.Object({ key: Type.String() }),
        body: PackRequestSchema,
        response: { 200: PackStateSchema, ...problemResponses(400, 401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { key } = request.params;
      const { enabled } = request.body;
      const pack = packs.find((known) => known.key === key);
      if (pack === undefined) throw notFound('pack', key);
      const apply = (settings: OrganizationSettings) => ({
        ...settings,
        enabledPacks: switchPack(settings.enabledPacks, key, enabled, packs),
      });
      const change = { action: enabled ? 'pack.enable' : 'pack.disable', target: key, apply } as const;
      const settings = await definitions.changeSettings(organization, change, access.actorOf(request));
      return reply.header('cache-control', NO_STORE).send(toPackState(pack, settings));
    },
  );
}

/** All stays all, so that packs of later releases are used too; once one is left out, those in use are named. */
function switchPack(
  enabled: readonly string[] | null,
  key: string,
  isEnabled: boolean,
  packs: readonly Pack[],
): readonly string[] | null {
  const all = packs.map((pack) => pack.key);
  const others = (enabled ?? all).filter((known) => known !== key);
  const next = isEnabled ? [...others, key].toSorted((a, b) => (a < b ? -1 : 1)) : others;
  return enabled === null && isEnabled ? null : next;
}

function toPackState({ key, title, description }: Pack, { enabledPacks }: OrganizationSettings) {
  return { key, title, description, enabled: enabledPacks === null || enabledPacks.includes(key) };
}

/** @throws invalid-request with every pack that is not there */
function assertKnown({ enabledPacks }: OrganizationSettings, packs: readonly Pack[]): void {
  const known = new Set(packs.map(({ key }) => key));
  const faults = (enabledPacks ?? [])
    .filter((key) => !known.has(key))
    .map((key) => {
      const detail = `${JSON.stringify(key)} is no pack; there are ${[...known].join(', ')}`;
      return { code: 'invalid-request', pointer: '/enabledPacks', detail } as const;
    });
  if (faults.length === 0) return;
  throw new AppError('invalid-request', faults.map(({ detail }) => detail).join('; '), { faults });
}

/** @throws forbidden */
function assertSameLimits(wanted: OrganizationSettings, { limits }: OrganizationSettings): void {
  const entriesOf = (of: OrganizationSettings['limits']) =>
    JSON.stringify(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  if (entriesOf(wanted.limits) === entriesOf(limits)) return;
  throw new AppError('forbidden', 'limits are for administrators of the operator to change');
}

/** A gateway over stores in memory, for this service's tests. */
import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { createMemoryCache } from '@tidemark/cache';
import { systemActor } from '@tidemark/catalog';
import type { Actor, ApiKeys, Catalog, NewAuditEntry, Organization } from '@tidemark/catalog';
import { DEFAULT_EVENT_LIMITS } from '@tidemark/contracts';
import { AppError, createCatalogue, DEFAULT_ORGANIZATION_SETTINGS, ROLES } from '@tidemark/core';
import type { ApiKeyRecord, Clock, OrganizationId, Pack, Role } from '@tidemark/core';
import {
  createAuthenticator,
  createTenancy,
  createHttpServer,
  createLogger,
  createRateLimiter,
  createTelemetry,
  mintApiKey,
  registerOpenApi,
} from '@tidemark/runtime';
import type { HttpServer } from '@tidemark/runtime';
import type { Row, Statement } from '@tidemark/warehouse';
import { DEFAULT_ORGANIZATION } from './app/bootstrap.ts';
import { registerGatewayRoutes } from './routes.ts';
import type { GatewayRoutesOptions } from './routes.ts';
import { createMemoryLetters } from './test-letters.ts';
import { TEST_PACK } from './test-pack.ts';
import { createMemoryLedger, createMemoryLog, createMemoryMarks } from './test-stores.ts';

export const NOW_MS = Date.UTC(2026, 0, 15, 12);

/** Distinct bytes that are the same in every run. */
export function createTestBytes(seed: string): (size: number) => Uint8Array {
  let calls = 0;
  return (size) => {
    calls += 1;
    return createHash('sha512').update(`${seed} ${calls}`).digest().subarray(0, size);
  };
}

export function createMemoryApiKeys(): ApiKeys & { readonly records: Map<string, ApiKeyRecord> } {
  const records = new Map<string, ApiKeyRecord>();
  return {
    records,
    async create(key) {
      await Promise.resolve();
      if (records.has(key.publicId)) throw new AppError('conflict', `${key.publicId} is taken`);
      const record = { ...key, revokedAtMs: null, lastUsedAtMs: null, successor: null };
      records.set(key.publicId, record);
      return record;
    },
    async createFirst(key, actor) {
      await Promise.resolve();
      const isKnown = [...records.values()].some((record) => record.organization === key.organization);
      return isKnown ? null : await this.create(key, actor);
    },
    find: (publicId) => Promise.resolve(records.get(publicId) ?? null),
    list: (organization) =>
      Promise.resolve(
        [...records.values()].filter((record) => record.organization === organization).toReversed(),
      ),
    revoke(organization, publicId, { atMs }) {
      const record = records.get(publicId);
      if (record === undefined || record.organization !== organization) return Promise.resolve(false);
      records.set(publicId, { ...record, revokedAtMs: record.revokedAtMs ?? atMs });
      return Promise.resolve(true);
    },
    async rotate(organization, publicId, plan, actor) {
      const record = records.get(publicId);
      if (record === undefined || record.organization !== organization) return null;
      const { successor, endsAtMs } = plan(record);
      const expiresAtMs = Math.min(endsAtMs, record.expiresAtMs ?? endsAtMs);
      records.set(publicId, { ...record, successor: successor.publicId, expiresAtMs });
      return await this.create(successor, actor);
    },
    noteUses: () => Promise.resolve(),
  };
}

export function createMemoryOrganizations(): Pick<Catalog['organizations'], 'ensure' | 'find' | 'list'> {
  const organizations = new Map<OrganizationId, Organization>();
  return {
    ensure(id, name, createdAtMs) {
      const state = { settings: DEFAULT_ORGANIZATION_SETTINGS, revision: 0, disabledAtMs: null };
      const organization = organizations.get(id) ?? { id, name, createdAtMs, ...state };
      organizations.set(id, organization);
      return Promise.resolve(organization);
    },
    find: (id) => Promise.resolve(organizations.get(id) ?? null),
    list: () => Promise.resolve([...organizations.values()]),
  };
}

type Administered = Pick<Catalog, 'apiKeys' | 'auditLog' | 'definitions' | 'organizations' | 'users'>;

/** As while the catalog does not answer, but for what is given: the rest is what most tests never ask for. */
function createAway<T extends object>(given: Partial<T> = {}): T {
  const away = () => Promise.reject(new AppError('catalog-unavailable', 'away'));
  return new Proxy(given as T, { get: (target, name): unknown => Reflect.get(target, name) ?? away });
}

function createCounters(): { increment(key: string, by: number): Promise<number> } {
  const totals = new Map<string, number>();
  return {
    increment(key, by) {
      totals.set(key, (totals.get(key) ?? 0) + by);
      return Promise.resolve(totals.get(key) ?? 0);
    },
  };
}

export interface TestGateway {
  readonly app: HttpServer;
  /** Every route there is, those of the server itself included. */
  readonly routes: readonly { readonly method: string; readonly url: string }[];
  readonly apiKeys: ReturnType<typeof createMemoryApiKeys>;
  readonly keyOf: Readonly<Record<Role, string>>;
  readonly ledger: ReturnType<typeof createMemoryLedger>;
  readonly marks: ReturnType<typeof createMemoryMarks>;
  /** What was written to the audit log in memory. */
  readonly audited: readonly (NewAuditEntry & { readonly actor: Actor })[];
  readonly letters: ReturnType<typeof createMemoryLetters>;
  /** What was published. */
  readonly log: ReturnType<typeof createMemoryLog>;
  readonly logged: () => string;
  /** As if rows of every bucket had come. */
  flush(minutesMs?: readonly number[]): void;
  setNow(ms: number): void;
}

export interface TestGatewayOptions {
  readonly answer?: (statement: Statement) => Promise<readonly Row[]>;
  readonly requestsMax?: number;
  /** Progress of the partitions of the events topic; two partitions that are up to date when absent. */
  readonly progress?: readonly {
    readonly partition: number;
    readonly nextOffset: number;
    readonly arrivedThroughMs: number;
  }[];
  /** What raw and the rollups say; they are empty when absent. */
  readonly events?: Partial<GatewayRoutesOptions['stores']['events']>;
  readonly rollups?: Partial<GatewayRoutesOptions['stores']['rollups']>;
  readonly publish?: GatewayRoutesOptions['bus']['publish'];
  /** Whose keys those of the test are; the organization `default` when absent. */
  readonly organization?: OrganizationId;
  /** What administration changes. When absent: keys and the audit log in memory, the rest is away. */
  readonly catalog?: Administered;
  readonly packs?: readonly Pack[];
  readonly organizationRequestsMax?: number;
  /** One whose sleeps take no time when absent: nothing may follow answers then. */
  readonly clock?: Clock;
}

export async function createTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  let nowMs = NOW_MS;
  const clock = options.clock ?? { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLogger({ service: 'test', level: 'warn', destination });
  const telemetry = createTelemetry({ withProcessFigures: false });
  const apiKeys = createMemoryApiKeys();
  const ledger = createMemoryLedger();
  const marks = createMemoryMarks();
  const letters = createMemoryLetters();
  const busLog = createMemoryLog();
  const audited: (NewAuditEntry & { readonly actor: Actor })[] = [];
  const administered = options.catalog ?? {
    apiKeys,
    auditLog: createAway<Administered['auditLog']>({
      append: async (entry, actor) => void audited.push({ ...entry, actor }),
    }),
    definitions: createAway<Administered['definitions']>({
      revisionOf: () => Promise.resolve(0),
      settingsOf: () => Promise.resolve(DEFAULT_ORGANIZATION_SETTINGS),
      metricsOf: () => Promise.resolve([]),
    }),
    organizations: createAway<Administered['organizations']>(),
    users: createAway<Administered['users']>(),
  };
  const rateLimiter = createRateLimiter({ counters: createCounters(), clock, log, telemetry });
  const app = createHttpServer({ log, telemetry });
  const keysOnly = createAuthenticator({
    findKey: (id) => administered.apiKeys.find(id),
    tokens: null,
    rateLimiter,
    clock,
    telemetry,
  });
  const active = { settings: DEFAULT_ORGANIZATION_SETTINGS, disabledAtMs: null };
  const tenancy = createTenancy(keysOnly, {
    catalog: {
      apiKeys: administered.apiKeys,
      organizations: options.catalog?.organizations ?? { find: () => Promise.resolve(active) },
    },
    lifecycle: { onStop: (_name, stop) => void app.addHook('onClose', async () => await stop()) },
    clock,
    log,
    telemetry,
  });
  const routes: { method: string; url: string }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });
  await registerOpenApi(app, { title: 'Test', description: 'For tests', version: '1' });
  const known = [0, 1].map((partition) => ({ partition, nextOffset: 5, arrivedThroughMs: NOW_MS }));
  const progress = (options.progress ?? known).map((entry) => ({ topic: 'tidemark.events', ...entry }));
  let flushes = 0;
  const listeners = new Set<Parameters<GatewayRoutesOptions['feed']['onFlush']>[0]>();
  registerGatewayRoutes(app, {
    feed: {
      caughtUp: () => Promise.resolve(true),
      version: () => String(flushes),
      onFlush(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    answerCache: createMemoryCache({ clock }),
    log,
    telemetry,
    questions: { atOnceMax: 4, statementsAtOnceMax: 4 },
    bus: {
      publish: options.publish ?? busLog.publish,
      bounds: (topic) =>
        Promise.resolve(
          [0, 1].map((partition) => ({
            partition,
            startOffset: 2,
            endOffset: topic === 'tidemark.events' ? 7 : 3,
          })),
        ),
    },
    warehouse: {
      query: async <T extends Row>(statement: Statement) =>
        ((await options.answer?.(statement)) ?? []) as T[],
      async *stream<T extends Row>(statement: Statement) {
        yield ((await options.answer?.(statement)) ?? []) as T[];
      },
    },
    stores: {
      letters,
      events: {
        minutesWithin: () => Promise.resolve([]),
        minutesFrom: () => Promise.resolve([]),
        spanOf: () => Promise.resolve(null),
        duplicatesWithin: () => Promise.resolve([]),
        ...options.events,
      },
      rollups: {
        bucketsWithin: () => Promise.resolve([]),
        combinationsOf: () => Promise.resolve(0),
        compare: () => Promise.resolve([]),
        ...options.rollups,
      },
    },
    catalog: {
      ...administered,
      ledger,
      pipeline: {
        ...marks,
        progress: () => Promise.resolve(progress),
        countDirty: () => Promise.resolve(3),
        unknownMeasures: () => Promise.resolve([]),
      },
    },
    catalogue: createCatalogue(options.packs ?? [TEST_PACK]),
    ...tenancy,
    rateLimiter,
    clock,
    randomBytes: createTestBytes('created'),
    instance: 'gateway-1',
    allowedLatenessMs: 0,
    eventLimits: DEFAULT_EVENT_LIMITS,
    operatorOrganization: DEFAULT_ORGANIZATION,
    requestsMax: options.requestsMax ?? 1_000,
    organizationRequestsMax: options.organizationRequestsMax ?? 10_000,
  });
  const randomBytes = createTestBytes('given');
  const keys = await Promise.all(
    ROLES.map(async (role) => {
      const { key, publicId, secretHash } = mintApiKey(randomBytes);
      const { organization = DEFAULT_ORGANIZATION } = options;
      const owner = { organization, name: role, role, scopes: null, user: null };
      await administered.apiKeys.create(
        { publicId, secretHash, ...owner, createdAtMs: 0, expiresAtMs: null },
        systemActor(organization, 0),
      );
      return [role, key] as const;
    }),
  );
  return {
    app,
    routes,
    apiKeys,
    keyOf: Object.fromEntries(keys) as Record<Role, string>,
    ledger,
    marks,
    audited,
    letters,
    log: busLog,
    logged: () => lines.join(''),
    flush: (minutesMs = []) => {
      flushes += 1;
      const { organization = DEFAULT_ORGANIZATION } = options;
      for (const listener of listeners) listener({ organization, minutesMs });
    },
    setNow: (ms) => {
      nowMs = ms;
    },
  };
}

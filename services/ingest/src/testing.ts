/** An ingest server around a bus of the test, for `inject`. */
import type { Coordinate, OutgoingRecord, PartitionBounds } from '@tidemark/bus';
import {
  DEAD_LETTERS_TOPIC,
  DEFAULT_EVENT_LIMITS,
  decodeEventRecord,
  parseDeadLetter,
  type DeadLetter,
  type DecodedEvent,
} from '@tidemark/contracts';
import { parseOrganizationId, type ApiKeyRecord, type Recorder, type Role } from '@tidemark/core';
import {
  createAuthenticator,
  createHttpServer,
  createLogger,
  createRateLimiter,
  createTelemetry,
  mintApiKey,
  registerOpenApi,
  type CounterStore,
  type HttpServer,
  type MintedApiKey,
} from '@tidemark/runtime';
import { Writable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import type { Receipt } from '@tidemark/catalog';
import { createTestClock, type TestClock } from './testing-clock.ts';
import { DEFAULT_BACKPRESSURE_LIMITS } from './app/backpressure.ts';
import { DEFAULT_OVERLOAD_LIMITS } from './app/overload-gate.ts';
import { DEFAULT_LETTER_LIMITS } from './app/reject-letters.ts';
import { DEFAULT_WATCH_LIMITS } from './app/stored-watch.ts';
import type { IngestDependencies } from './dependencies.ts';
import { ingestRoutes } from './plugin.ts';

/** What the pipeline and the books behind ingest say; tests change it. */
export interface TestCatalog {
  /** The next offset to store, of partition 0. */
  storedOffset: number;
  /** What the bus has, beside what the test publishes. */
  backlog: number;
  /** Offsets of partition 0. */
  readonly dead: Set<number>;
  /** By `organization dayMs`, as recorded last. */
  readonly receipts: Map<string, Receipt>;
  /** Fails every call while set. */
  error: Error | null;
  /** Questions for progress so far. */
  asked: number;
}

function createCounters(): CounterStore {
  const totals = new Map<string, number>();
  return {
    increment: async (key, by) => {
      const total = (totals.get(key) ?? 0) + by;
      totals.set(key, total);
      return total;
    },
  };
}

export interface TestIngest {
  readonly app: HttpServer;
  readonly keys: Readonly<Record<Role, string>>;
  readonly clock: TestClock;
  readonly catalog: TestCatalog;
  /** The events the bus has, in order. */
  readonly records: readonly OutgoingRecord[];
  readonly letters: () => readonly DeadLetter[];
  readonly stored: () => readonly DecodedEvent[];
  readonly logged: () => string;
  readonly telemetryText: () => Promise<string>;
}

export interface TestIngestOptions extends Partial<IngestDependencies> {
  /** Runs before records are taken; may throw or wait. */
  readonly beforePublish?: (topic: string) => Promise<void>;
  readonly withOpenApi?: boolean;
}

export async function createTestIngest(options: TestIngestOptions = {}): Promise<TestIngest> {
  const { beforePublish, withOpenApi, ...dependencies } = options;
  const clock = createTestClock();
  const telemetry = createTelemetry({ withProcessFigures: false });
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLogger({ service: 'ingest', level: 'trace', destination });
  const minted = { producer: mint(), viewer: mint(), admin: mint() };
  const known = new Map(
    (['producer', 'viewer', 'admin'] as const).map((role) => [
      minted[role].publicId,
      toRecord(minted[role], role),
    ]),
  );
  const records: OutgoingRecord[] = [];
  const letters: OutgoingRecord[] = [];
  const publish = async (topic: string, batch: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> => {
    await beforePublish?.(topic);
    const kept = topic === DEAD_LETTERS_TOPIC ? letters : records;
    kept.push(...batch);
    return batch.map((_record, index) => ({
      topic,
      partition: 0,
      offset: kept.length - batch.length + index,
    }));
  };
  const catalog = createTestCatalog();
  const rateLimiter = createRateLimiter({ counters: createCounters(), clock, log, telemetry });
  const app = createHttpServer({ log, telemetry });
  if (withOpenApi === true) {
    await registerOpenApi(app, { title: 'Ingest', description: 'Under test', version: '1.0.0' });
  }
  await app.register(ingestRoutes, {
    bus: { publish, bounds: async () => [boundsOf(records.length + catalog.backlog)] },
    pipeline: pipelineOf(catalog),
    ledger: ledgerOf(catalog),
    instance: 'test',
    log,
    authenticator: createAuthenticator({
      findKey: async (id) => known.get(id) ?? null,
      tokens: null,
      rateLimiter,
      clock,
      telemetry,
    }),
    organizations: { limitsOf: async () => ({}) },
    rateLimiter,
    clock,
    telemetry,
    recorders: [USAGE_RECORDER, MEASUREMENT_RECORDER],
    createId: () => `made-${records.length}`,
    limits: DEFAULT_EVENT_LIMITS,
    overload: DEFAULT_OVERLOAD_LIMITS,
    backpressure: DEFAULT_BACKPRESSURE_LIMITS,
    letters: DEFAULT_LETTER_LIMITS,
    watch: DEFAULT_WATCH_LIMITS,
    rateLimits: {
      requests: { name: 'requests', quota: 1_000, windowSeconds: 10 },
      events: { name: 'events', quota: 100_000, windowSeconds: 10 },
    },
    ...dependencies,
  });
  return {
    app,
    keys: { producer: minted.producer.key, viewer: minted.viewer.key, admin: minted.admin.key },
    clock,
    catalog,
    records,
    letters: () => letters.map(toLetter),
    stored: () => records.map(decode),
    logged: () => lines.join(''),
    telemetryText: () => telemetry.text(),
  };
}

function createTestCatalog(): TestCatalog {
  return { storedOffset: 0, backlog: 0, dead: new Set(), receipts: new Map(), error: null, asked: 0 };
}

function pipelineOf(catalog: TestCatalog): IngestDependencies['pipeline'] {
  return {
    progress: async (topic) => {
      catalog.asked += 1;
      if (catalog.error !== null) throw catalog.error;
      return [{ topic, partition: 0, nextOffset: catalog.storedOffset, arrivedThroughMs: 0 }];
    },
  };
}

function ledgerOf(catalog: TestCatalog): IngestDependencies['ledger'] {
  return {
    recordReceipts: async (_instance, receipts) => {
      if (catalog.error !== null) throw catalog.error;
      for (const receipt of receipts)
        catalog.receipts.set(`${receipt.organization} ${receipt.dayMs}`, receipt);
    },
    days: async (_topic, _everybody, fromDayMs, toDayMs) => {
      if (catalog.error !== null) throw catalog.error;
      const settled = { stored: 0, duplicate: 0, conflict: 0, dead: 0 };
      return [...catalog.receipts.values()]
        .filter(({ dayMs }) => dayMs >= fromDayMs && dayMs < toDayMs)
        .map((receipt) => ({ ...receipt, ...settled }));
    },
    deadAmong: async (_topic, coordinates) => {
      if (catalog.error !== null) throw catalog.error;
      return coordinates.filter(({ offset }) => catalog.dead.has(offset));
    },
  };
}

function boundsOf(endOffset: number): PartitionBounds {
  return { partition: 0, startOffset: 0, endOffset };
}

function toLetter({ value }: OutgoingRecord): DeadLetter {
  const letter = parseDeadLetter(value);
  if (letter === null) throw new Error('not a dead letter');
  return letter;
}

const MEASUREMENT_RECORDER: Recorder = {
  name: null,
  title: 'Measurement',
  eventType: 'metric.recorded',
  fields: [
    {
      from: 'name',
      field: 'data.name',
      type: 'string',
      required: true,
      pattern: '[A-Za-z_][A-Za-z0-9_.:-]{0,127}',
    },
    {
      from: 'type',
      field: 'data.kind',
      type: 'string',
      required: true,
      enum: ['counter', 'gauge', 'histogram'],
    },
    { from: 'value', field: 'data.value', type: 'number', required: true },
    { from: 'labels', field: 'data.labels', type: 'labels', required: false },
  ],
};

const USAGE_RECORDER: Recorder = {
  name: 'usage',
  title: 'Use of a feature',
  eventType: 'feature.used',
  fields: [
    { from: 'user', field: 'subject', type: 'string', required: true },
    { from: 'feature', field: 'data.feature.name', type: 'string', required: true },
    { from: 'durationMs', field: 'data.duration_ms', type: 'number', required: false },
    { from: 'success', field: 'data.success', type: 'boolean', required: false },
  ],
};

function mint(): MintedApiKey {
  return mintApiKey(randomBytes);
}

function toRecord(key: MintedApiKey, role: Role): ApiKeyRecord {
  const organization = parseOrganizationId('acme');
  if (organization === null) throw new Error('acme is an organization id');
  const { publicId, secretHash } = key;
  return {
    publicId,
    secretHash,
    organization,
    role,
    name: role,
    createdAtMs: 0,
    expiresAtMs: null,
    revokedAtMs: null,
    scopes: null,
    user: null,
    lastUsedAtMs: null,
    successor: null,
  };
}

function decode(record: OutgoingRecord): DecodedEvent {
  const decoded = decodeEventRecord(record);
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.event;
}

/** An ingest server around a bus of the test, for `inject`. */
import type { Coordinate, OutgoingRecord } from '@tidemark/bus';
import { DEFAULT_EVENT_LIMITS, decodeEventRecord, type DecodedEvent } from '@tidemark/contracts';
import { parseOrganizationId, type ApiKeyRecord, type Clock, type Recorder, type Role } from '@tidemark/core';
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
import { DEFAULT_OVERLOAD_LIMITS } from './app/overload-gate.ts';
import { ingestRoutes, type IngestDependencies } from './plugin.ts';

export const NOW_MS = Date.UTC(2026, 5, 1, 12, 0, 0);

/** A clock that stands still; its sleeps last until they are aborted. */
function createStillClock(nowMs = NOW_MS): Clock & { nowMs: () => number; set: (ms: number) => void } {
  let now = nowMs;
  return {
    nowMs: () => now,
    set: (ms) => {
      now = ms;
    },
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) resolve();
        else signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
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
  /** What the bus has, in order. */
  readonly records: readonly OutgoingRecord[];
  readonly stored: () => readonly DecodedEvent[];
  readonly logged: () => string;
  readonly telemetryText: () => Promise<string>;
}

export interface TestIngestOptions extends Partial<IngestDependencies> {
  /** Runs before records are taken; may throw or wait. */
  readonly beforePublish?: () => Promise<void>;
  readonly withOpenApi?: boolean;
}

export async function createTestIngest(options: TestIngestOptions = {}): Promise<TestIngest> {
  const { beforePublish, withOpenApi, ...dependencies } = options;
  const clock = createStillClock();
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
  const publish = async (topic: string, batch: readonly OutgoingRecord[]): Promise<readonly Coordinate[]> => {
    await beforePublish?.();
    records.push(...batch);
    return batch.map((_record, index) => ({
      topic,
      partition: 0,
      offset: records.length - batch.length + index,
    }));
  };
  const app = createHttpServer({ log, telemetry });
  if (withOpenApi === true) {
    await registerOpenApi(app, { title: 'Ingest', description: 'Under test', version: '1.0.0' });
  }
  await app.register(ingestRoutes, {
    bus: { publish },
    authenticator: createAuthenticator({ findKey: async (id) => known.get(id) ?? null, clock, telemetry }),
    rateLimiter: createRateLimiter({ counters: createCounters(), clock, log, telemetry }),
    clock,
    telemetry,
    recorders: [USAGE_RECORDER],
    createId: () => `made-${records.length}`,
    limits: DEFAULT_EVENT_LIMITS,
    overload: DEFAULT_OVERLOAD_LIMITS,
    rateLimits: {
      requests: { name: 'requests', quota: 1_000, windowSeconds: 10 },
      events: { name: 'events', quota: 100_000, windowSeconds: 10 },
    },
    ...dependencies,
  });
  return {
    app,
    keys: { producer: minted.producer.key, viewer: minted.viewer.key, admin: minted.admin.key },
    records,
    stored: () => records.map(decode),
    logged: () => lines.join(''),
    telemetryText: () => telemetry.text(),
  };
}

const USAGE_RECORDER: Recorder = {
  name: 'usage',
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
  };
}

function decode(record: OutgoingRecord): DecodedEvent {
  const decoded = decodeEventRecord(record);
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.event;
}

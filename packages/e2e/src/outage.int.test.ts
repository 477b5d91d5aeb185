/** Backends that hang, die and come back under the services: what clients are told meanwhile, and what is counted afterwards. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mintApiKey } from '@tidemark/runtime';
import { startBackends, startServices, waitUntil } from '@tidemark/testkit/cluster';
import type { Backends, Services } from '@tidemark/testkit/cluster';
import { ask, call, send, untilStored, valueOf } from './client.ts';
import type { JsonResponse } from './client.ts';

const START_TIMEOUT_MS = 120_000;
const OUTAGE_TIMEOUT_MS = 110_000;
/** What a client may have to wait for a refusal. */
const REFUSAL_MS_MAX = 5_000;
const RECOVERY_DEADLINE_MS = 40_000;
const REFUSAL = { status: 503, code: 'bus-unavailable', isFast: true, hasHint: true };
const RANGE = { from: '2024-01-01', to: '2024-01-02' };

/** Its own backends are taken away, so it needs programs of this machine: containers and foreign addresses are left alone. */
const suite = process.env['TIDEMARK_TEST_LOCAL_BACKENDS'] === 'true' ? describe : describe.skip;

suite('outages', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-outage-'));
  const adminKey = mintApiKey(randomBytes).key;
  let backends: Backends;
  let services: Services;
  /** Events whose durability was promised. */
  let accepted = 0;

  beforeAll(async () => {
    backends = await startBackends({ dir });
    services = await startServices(backends, { dir, bootstrapKey: adminKey });
    await sendSome('before');
    await totals();
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await services?.stop();
    await backends?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  const addresses = () => ({ ingestUrl: services.ingestUrl, gatewayUrl: services.gatewayUrl, adminKey });

  /** Ten events named by the prefix: sent again, they are copies. */
  async function sendSome(prefix: string, query = ''): Promise<JsonResponse> {
    const events = Array.from({ length: 10 }, (_none, index) => ({
      specversion: '1.0',
      id: `${prefix}-${index}`,
      source: '/outage',
      type: 'llm.request',
      time: `2024-01-01T00:00:${10 + index}Z`,
      data: {},
    }));
    const answer = await send(addresses(), JSON.stringify(events), { query });
    if (answer.status === 202) accepted += events.length;
    return answer;
  }

  async function attempt(prefix: string) {
    const startedAtMs = performance.now();
    const { status, body, headers } = await sendSome(prefix);
    const isFast = performance.now() - startedAtMs < REFUSAL_MS_MAX;
    return { status, code: body['code'], isFast, hasHint: Number(headers.get('retry-after')) > 0 };
  }

  /** Sends what was refused until it is taken, as a client would. */
  const untilAccepted = (prefix: string) =>
    waitUntil(async () => (await sendSome(prefix)).status === 202, {
      what: 'ingest to take events again',
      deadlineMs: RECOVERY_DEADLINE_MS,
    });

  const untilAnswered = () =>
    waitUntil(async () => (await question()).status === 200, {
      what: 'the gateway to answer again',
      deadlineMs: RECOVERY_DEADLINE_MS,
    });

  /** Of the warehouse: a kept answer would hide that it is away. */
  const question = () =>
    call(`${services.gatewayUrl}/api/v1/query?use_cache=false`, {
      key: adminKey,
      body: JSON.stringify({ metrics: ['llm.requests'], ...RANGE }),
    });

  /** Of everything accepted, once it is stored: nobody is restarted for it. */
  async function totals() {
    await untilAnswered();
    await untilStored(addresses());
    const answer = await ask(addresses(), { metrics: ['llm.requests'], ...RANGE });
    const { body } = await call(`${services.gatewayUrl}/api/v1/status`, { key: adminKey });
    return { counted: valueOf(answer, 'llm.requests'), deadLetters: body['deadLetters'] };
  }

  it(
    'refuses events while Kafka hangs, and takes them when it goes on',
    async () => {
      backends.servers.kafka.signal('SIGSTOP');
      expect(await attempt('hanging')).toEqual(REFUSAL);
      expect(await attempt('hanging')).toEqual(REFUSAL);
      backends.servers.kafka.signal('SIGCONT');
      await untilAccepted('hanging');
      expect(await totals()).toEqual({ counted: accepted, deadLetters: 0 });
    },
    OUTAGE_TIMEOUT_MS,
  );

  it(
    'refuses events while Kafka is dead, and takes them when it is back',
    async () => {
      await backends.servers.kafka.kill();
      expect(await attempt('dead')).toEqual(REFUSAL);
      await backends.servers.kafka.start();
      await untilAccepted('dead');
      expect(await totals()).toEqual({ counted: accepted, deadLetters: 0 });
    },
    OUTAGE_TIMEOUT_MS,
  );

  it(
    'takes events without the warehouse, and counts them when it is back',
    async () => {
      await backends.servers.clickhouse.kill();
      expect((await sendSome('no-warehouse')).status).toBe(202);
      expect(await sendSome('no-warehouse-waiting', 'wait=stored&timeout=1')).toMatchObject({
        status: 202,
        body: { accepted: 10, wait: { level: 'stored', reached: false } },
      });
      expect(await question()).toMatchObject({ status: 503, body: { retryable: true } });
      await backends.servers.clickhouse.start();
      expect(await totals()).toEqual({ counted: accepted, deadLetters: 0 });
    },
    OUTAGE_TIMEOUT_MS,
  );

  it(
    'takes events of known keys without Postgres and Redis, and counts them when they are back',
    async () => {
      const { postgres, redis } = backends.servers;
      await Promise.all([postgres.kill(), redis.kill()]);
      expect((await sendSome('no-catalog')).status).toBe(202);
      expect(await question()).toMatchObject({ status: 503, body: { retryable: true } });
      await Promise.all([postgres.start(), redis.start()]);
      expect(await totals()).toEqual({ counted: accepted, deadLetters: 0 });
    },
    OUTAGE_TIMEOUT_MS,
  );
});

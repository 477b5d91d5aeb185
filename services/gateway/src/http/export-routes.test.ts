import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, AppError, parseOrganizationId } from '@tidemark/core';
import type { OrganizationId, Principal, TableRow } from '@tidemark/core';
import type { EventsExport, EventsRequest } from '@tidemark/query';
import { createHttpServer, createLogger, createTelemetry } from '@tidemark/runtime';
import type { HttpServer } from '@tidemark/runtime';
import { createExportRegister, EXPORTS_PER_ORGANIZATION_MAX } from '../app/export-register.ts';
import { registerExportRoutes } from './export-routes.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const ACME = parseOrganizationId('acme') as OrganizationId;
const GLOBEX = parseOrganizationId('globex') as OrganizationId;

const ANSWER: Answer = {
  series: [
    {
      metric: 'shop.revenue',
      dimensions: { city: '=Bonn' },
      points: [
        {
          start: '2026-01-01T00:00:00.000Z',
          end: '2026-01-02T00:00:00.000Z',
          value: '-12.50',
          partial: false,
        },
      ],
    },
  ],
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-02T00:00:00.000Z',
  granularity: null,
  timeZone: 'UTC',
  completeThrough: null,
  tiersRead: ['1d'],
  estimates: [],
  groupsOmitted: 0,
  nextCursor: null,
};
const QUESTION = { metrics: ['shop.revenue'], from: '2026-01-01', to: '2026-01-02', groupBy: ['city'] };
const CSV =
  "city,start,end,shop.revenue,partial\r\n'=Bonn,2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z,-12.50,false\r\n";
const EVENTS = '/api/v1/events/export?from=2026-01-01&to=2026-01-02';

describe('exports', () => {
  let app: HttpServer;
  let lines: string[];
  let asked: EventsRequest[];
  let principal: Principal;
  let pauseMaxMs: number;
  let opening: () => Promise<void>;
  let batches: (signal: AbortSignal | undefined) => AsyncIterable<readonly TableRow[]>;

  beforeEach(() => {
    lines = [];
    asked = [];
    pauseMaxMs = 60_000;
    opening = () => Promise.resolve();
    principal = {
      organization: ACME,
      role: 'admin',
      credentialId: 'key',

      user: null,
    };
    batches = async function* () {
      yield [['1'], ['=2']];
    };
    const telemetry = createTelemetry({ withProcessFigures: false });
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const log = createLogger({ service: 'test', level: 'warn', destination });
    app = createHttpServer({ log, telemetry });
    const clock = { nowMs: () => NOW_MS, sleep: () => Promise.resolve() };
    const events: EventsExport = {
      open: async (_principal, request, { signal } = {}) => {
        asked.push(request);
        await opening();
        return { columns: [{ name: 'id', type: 'text' }], rowsExpected: 2, batches: batches(signal) };
      },
    };
    let ids = 0;
    registerExportRoutes(app, {
      ask: async () => ({ answer: ANSWER, exactMetrics: new Set(['shop.revenue']) }),
      events,
      completeThroughMs: async () => NOW_MS - 60_000,
      register: createExportRegister(clock),
      access: {
        requires: () => async () => undefined,
        principalOf: () => principal,
        actorOf: () => {
          throw new Error('nothing is administered here');
        },
      },
      clock,
      createId: () => `export-${(ids += 1)}`,
      get pauseMaxMs() {
        return pauseMaxMs;
      },
    });
  });
  afterEach(() => app.close());

  const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers });
  const status = async (id: string) => (await get(`/api/v1/exports/${id}`)).json<Record<string, unknown>>();
  const settled = async (id: string) => {
    for (;;) {
      const found = await status(id);
      if (found['state'] !== 'running') return found;
      // Injected requests leave no turn to the network
      await setImmediate();
    }
  };

  /** A client of its own connection, which can go away. */
  const connect = async (url: string): Promise<IncomingMessage> => {
    await app.listen({ port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const sent = httpRequest({ port, path: url, agent: false });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  };

  it('gives the answer to a question as a file with a name, and says what it is worth', async () => {
    const response = await app.inject({ method: 'POST', url: '/api/v1/query/export', payload: QUESTION });
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(CSV);
    expect(response.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition':
        'attachment; filename="tidemark-acme-answer-20260115T120000Z.csv"; filename*=UTF-8\'\'tidemark-acme-answer-20260115T120000Z.csv',
      'tidemark-export-id': 'export-1',
      'tidemark-export-rows': '1',
      'cache-control': 'private, no-store',
    });
    const metadata = JSON.parse(String(response.headers['tidemark-export-metadata'])) as object;
    expect(metadata).toMatchObject({ question: QUESTION, organization: 'acme', tiersRead: ['1d'] });
    expect(await status('export-1')).toEqual({
      id: 'export-1',
      state: 'done',
      format: 'csv',
      rowsExpected: 1,
      rowsSent: 1,
      bytesSent: Buffer.byteLength(CSV),
      truncatedCells: 0,
      startedAt: '2026-01-15T12:00:00.000Z',
      endedAt: '2026-01-15T12:00:00.000Z',
      code: null,
      metadata,
    });
  });

  it('gives every format, by name or by Accept', async () => {
    const type = async (url: string, accept?: string) =>
      (await get(url, accept === undefined ? {} : { accept })).headers['content-type'];
    expect(await type(`${EVENTS}&format=ndjson`, 'text/csv')).toBe('application/x-ndjson');
    expect(await type(EVENTS, 'text/html, application/json;q=0.5, application/x-ndjson;q=0.9')).toBe(
      'application/x-ndjson',
    );
    expect(await type(EVENTS, 'application/vnd.apache.parquet')).toBe('application/vnd.apache.parquet');
    expect(await type(EVENTS, '*/*')).toContain('text/csv');
    expect(await type(EVENTS, 'text/csv;q=0, application/json')).toBe('application/json');
    const workbook = await get(`${EVENTS}&format=xlsx`);
    expect(workbook.rawPayload.subarray(0, 2).toString()).toBe('PK');
    expect((await get(`${EVENTS}&format=pdf`)).statusCode).toBe(400);
  });

  it('takes what is wanted of events from the URL or the body', async () => {
    const one = await get(`${EVENTS}&type=a&column=id&metadata=inline&bom=true`);
    expect(one.body).toMatch(/^\uFEFF# question: .*\r\n(?:# .*\r\n)*id\r\n1\r\n'=2\r\n$/);
    await get(`${EVENTS}&type=a&type=b`);
    const filters = [{ field: 'data.amount', op: 'gt', value: 5 }];
    const payload = { from: '2026-01-01', to: 'now', types: ['a'], columns: ['data.amount'], filters };
    await app.inject({ method: 'POST', url: '/api/v1/events/export', payload });
    const fromMs = Date.UTC(2026, 0, 1);
    const toMs = Date.UTC(2026, 0, 2);
    expect(asked).toEqual([
      { fromMs, toMs, types: ['a'], columns: ['id'], filters: [] },
      { fromMs, toMs, types: ['a', 'b'], columns: null, filters: [] },
      { fromMs, toMs: NOW_MS, types: ['a'], columns: ['data.amount'], filters },
    ]);
    const wrong = await get('/api/v1/events/export?from=yesterday&to=tomorrow');
    expect(wrong.json()).toMatchObject({
      status: 400,
      errors: [{ pointer: '/from' }, { pointer: '/to' }],
    });
  });

  it('compresses text for those who ask for it', async () => {
    const response = await get(EVENTS, { 'accept-encoding': 'br, gzip;q=0.5' });
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(response.rawPayload).toString()).toBe("id\r\n1\r\n'=2\r\n");
    const plain = await get(EVENTS, { 'accept-encoding': 'gzip;q=0' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    const workbook = await get(`${EVENTS}&format=xlsx`, { 'accept-encoding': 'gzip' });
    expect(workbook.headers['content-encoding']).toBeUndefined();
  });

  it.each(['csv', 'json', 'ndjson', 'parquet', 'xlsx'])(
    'breaks off when it fails in the middle: %s',
    async (format) => {
      batches = async function* () {
        for (let batch = 0; batch < 200; batch += 1) {
          yield Array.from({ length: 500 }, (_, row) => [`${batch} ${Math.sin(row + batch * 500)}`]);
        }
        throw new AppError('warehouse-unavailable', 'gone in the middle');
      };
      const response = await connect(`${EVENTS}&format=${format}`);
      const read = async (): Promise<void> => {
        await finished(response.resume());
      };
      await expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(await settled('export-1')).toMatchObject({ state: 'failed', code: 'warehouse-unavailable' });
      expect(lines.join('')).toContain('export-1');
    },
  );

  it('ends the statement when the client goes away', async () => {
    let ended = '';
    batches = async function* (signal) {
      try {
        for (;;) {
          signal?.throwIfAborted();
          yield Array.from({ length: 1_000 }, (_, row) => [`row ${row}`]);
          await setImmediate();
        }
      } finally {
        ended = signal?.aborted === true ? 'aborted' : 'left';
      }
    };
    const response = await connect(EVENTS);
    await once(response, 'data');
    response.destroy();
    expect(await settled('export-1')).toMatchObject({ state: 'aborted', code: null });
    expect(ended).not.toBe('');
    expect(lines).toEqual([]);
  });

  it('makes no more than is read, and gives up a reader who takes nothing', async () => {
    let given = 0;
    batches = async function* () {
      for (;;) {
        given += 1;
        yield Array.from({ length: 1_000 }, () => ['x'.repeat(100)]);
      }
    };
    pauseMaxMs = 300;
    const response = await connect(EVENTS);
    response.pause();
    expect(await settled('export-1')).toMatchObject({ state: 'failed', code: 'request-timeout' });
    expect(given).toBeLessThan(200);
    response.destroy();
  });

  it('bounds the exports of an organization, and not those of another', async () => {
    const release = deferred();
    batches = async function* () {
      yield [['1']];
      await release.promise;
    };
    const under = Array.from({ length: EXPORTS_PER_ORGANIZATION_MAX }, () => get(EVENTS));
    while (asked.length < EXPORTS_PER_ORGANIZATION_MAX) await setImmediate();
    const refused = await get(EVENTS);
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['retry-after']).toBe('10');
    principal = { ...principal, organization: GLOBEX };
    const other = get(EVENTS);
    while (asked.length < EXPORTS_PER_ORGANIZATION_MAX + 1) await setImmediate();
    release.resolve();
    expect((await Promise.all([...under, other])).map(({ statusCode }) => statusCode)).toEqual([
      200, 200, 200, 200,
    ]);
    principal = { ...principal, organization: ACME };
    expect((await get(EVENTS)).statusCode).toBe(200);
  });

  it('shows an export to its own credential and the admins of its organization alone', async () => {
    principal = { ...principal, role: 'viewer', credentialId: 'one' };
    await get(EVENTS);
    expect(await status('export-1')).toMatchObject({ state: 'done' });
    principal = { ...principal, credentialId: 'two' };
    expect(await status('export-1')).toMatchObject({ status: 404 });
    principal = { ...principal, role: 'admin' };
    expect(await status('export-1')).toMatchObject({ state: 'done' });
    principal = { ...principal, organization: GLOBEX };
    expect(await status('export-1')).toMatchObject({ status: 404 });
  });

  it('answers a failure ahead of the file as any other, and frees its place', async () => {
    opening = () => Promise.reject(new AppError('warehouse-unavailable', 'away'));
    for (let count = 0; count <= EXPORTS_PER_ORGANIZATION_MAX; count += 1) {
      const response = await get(EVENTS);
      expect(response.json()).toMatchObject({ status: 503, code: 'warehouse-unavailable' });
      expect(response.headers['content-disposition']).toBeUndefined();
    }
    expect(await status('export-1')).toMatchObject({ state: 'failed', code: 'warehouse-unavailable' });
  });

  it('ends exports when the server closes', async () => {
    batches = async function* (signal) {
      yield [['1']];
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      signal?.throwIfAborted();
    };
    const response = await connect(EVENTS);
    await once(response, 'data');
    const read = async (): Promise<void> => {
      await finished(response.resume());
    };
    const broken = expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await app.close();
    await broken;
  });
});

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import {
  EventsExportParametersSchema,
  EventsExportRequestSchema,
  ExportParametersSchema,
  ExportStatusSchema,
  QueryRequestSchema,
} from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import type { Answer, Clock, Fault, Principal, Query, TableRow } from '@tidemark/core';
import { EXPORT_FORMAT_FACTS, type ExportedTable, toAnswerTable } from '@tidemark/exports';
import type { EventsExport, EventsRequest } from '@tidemark/query';
import { goneSignal, type HttpServer } from '@tidemark/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { ExportProgress, ExportRegister } from '../app/export-register.ts';
import { exportStream } from '../app/export-stream.ts';
import type { Access } from './access.ts';
import { acceptsGzip, negotiateFormat } from './export-format.ts';
import { readInstant, refusal, toInstant } from './ranges.ts';
import { problemResponses } from './responses.ts';

/** As a header; longer metadata is in the file or at `GET /api/v1/exports/{id}` alone. */
const METADATA_HEADER_BYTES_MAX = 4_096;
const NOT_ASCII = /[^\x20-\x7e]/g;

export interface ExportRoutesOptions {
  /** As `POST /api/v1/query` answers, and which of the metrics are exact decimals. */
  readonly ask: (
    principal: Principal,
    query: Query,
    signal: AbortSignal,
  ) => Promise<{ readonly answer: Answer; readonly exactMetrics: ReadonlySet<string> }>;
  readonly events: EventsExport;
  /** Through which instant no earlier event is expected. */
  readonly completeThroughMs: () => Promise<number | null>;
  readonly register: ExportRegister;
  readonly access: Access;
  readonly clock: Clock;
  /** Of one export. */
  readonly createId: () => string;
  readonly pauseMaxMs: number;
}

type Shape = Static<typeof ExportParametersSchema>;
type Opened = ExportedTable & { readonly rowsExpected: number | null };

interface Asked {
  readonly shape: Shape;
  /** What the file is called by. */
  readonly name: string;
  readonly open: (principal: Principal, signal: AbortSignal) => Promise<Opened>;
}

export function registerExportRoutes(app: HttpServer, options: ExportRoutesOptions): void {
  app.addHook('preClose', async () => options.register.stop());
  registerQueryExport(app, options);
  registerEventsExport(app, options);
  registerExportStatus(app, options);
}

const TAGS = ['Exports'];
const DESCRIPTION =
  'The file comes as it is made; one that breaks off was not finished. `Tidemark-Export-Id` names it for `GET /api/v1/exports/{id}`, `Tidemark-Export-Rows` says how many rows are expected, `Tidemark-Export-Metadata` what the rows are worth (JSON; absent when long). Text that a spreadsheet would compute begins with an apostrophe in CSV.';
const RESPONSES = {
  200: Type.Any({ description: 'The file' }),
  ...problemResponses(400, 401, 403, 422, 429, 503),
};

function registerQueryExport(app: HttpServer, options: ExportRoutesOptions): void {
  const { access, ask, clock } = options;
  app.post(
    '/api/v1/query/export',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: TAGS,
        summary: 'The answer to a question as a file: one row for each group and bucket',
        description: DESCRIPTION,
        querystring: ExportParametersSchema,
        body: QueryRequestSchema,
        response: RESPONSES,
      },
    },
    async (request, reply) => {
      const query: Query = request.body;
      return sendExport(request, reply, options, {
        shape: request.query,
        name: 'answer',
        async open(principal, signal) {
          const { answer, exactMetrics } = await ask(principal, query, signal);
          const { organization } = principal;
          const generatedAt = toInstant(clock.nowMs());
          const { rows, ...table } = toAnswerTable(answer, {
            query,
            organization,
            generatedAt,
            exactMetrics,
          });
          return { ...table, batches: batchesOf(rows), rowsExpected: rows.length };
        },
      });
    },
  );
}

function registerEventsExport(app: HttpServer, options: ExportRoutesOptions): void {
  const { access, clock } = options;
  const common = {
    tags: TAGS,
    summary: 'Raw events of a time range as a file, in the order of storage',
    description: `${DESCRIPTION} All rows are of one moment: what arrives later is not in it.`,
    response: RESPONSES,
  };
  const send = (request: FastifyRequest, reply: FastifyReply, shape: Shape, asked: EventsRequest) =>
    sendExport(request, reply, options, {
      shape,
      name: 'events',
      open: (principal, signal) => openEvents(options, principal, asked, signal),
    });

  app.get(
    '/api/v1/events/export',
    {
      onRequest: access.requires('admin'),
      schema: { ...common, querystring: EventsExportParametersSchema },
    },
    async (request, reply) => {
      const { from, to, type, column, ...shape } = request.query;
      const range = readEnds({ from, to }, clock.nowMs());
      const asked = { ...range, types: listOf(type), columns: listOf(column), filters: [] };
      return send(request, reply, shape, asked);
    },
  );
  app.post(
    '/api/v1/events/export',
    {
      onRequest: access.requires('admin'),
      schema: { ...common, querystring: ExportParametersSchema, body: EventsExportRequestSchema },
    },
    async (request, reply) => {
      const { from, to, types = null, columns = null, filters = [] } = request.body;
      const range = readEnds({ from, to }, clock.nowMs());
      return send(request, reply, request.query, { ...range, types, columns, filters });
    },
  );
}

async function openEvents(
  { events, completeThroughMs, clock }: ExportRoutesOptions,
  principal: Principal,
  asked: EventsRequest,
  signal: AbortSignal,
): Promise<Opened> {
  // Before the rows: what is complete by then is in them
  const completeMs = await completeThroughMs();
  const { fromMs, toMs, ...rest } = asked;
  const { columns, rowsExpected, batches } = await events.open(principal, asked, { signal });
  const range = { from: toInstant(fromMs), to: toInstant(toMs), timeZone: 'UTC' };
  const metadata = {
    question: { ...rest, ...range },
    organization: principal.organization,
    generatedAt: toInstant(clock.nowMs()),
    ...range,
    completeThrough: completeMs === null ? null : toInstant(completeMs),
    tiersRead: ['raw'],
    estimates: [],
    rowsExpected,
  };
  return { columns, metadata, batches, rowsExpected };
}

function registerExportStatus(app: HttpServer, { register, access }: ExportRoutesOptions): void {
  app.get(
    '/api/v1/exports/:id',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: TAGS,
        summary: 'How far an export is, or how it ended; for an hour, in the process that sends it',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ExportStatusSchema, ...problemResponses(401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = register.find(access.principalOf(request), id);
      if (found === null) throw new AppError('not-found', `there is no export ${JSON.stringify(id)}`);
      return reply.header('cache-control', 'private, no-store').send(toStatus(found));
    },
  );
}

function toStatus({ owner: _owner, startedAtMs, endedAtMs, ...rest }: ExportProgress) {
  return {
    ...rest,
    startedAt: toInstant(startedAtMs),
    endedAt: endedAtMs === null ? null : toInstant(endedAtMs),
  };
}

async function sendExport(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ExportRoutesOptions,
  { shape, name, open }: Asked,
): Promise<FastifyReply> {
  const { access, register } = options;
  const gone = goneSignal(reply);
  const principal = access.principalOf(request);
  const { format = negotiateFormat(request.headers.accept), metadata, bom = false } = shape;
  const run = register.begin(principal, options.createId(), format);
  const { id } = run.progress;
  const signal = AbortSignal.any([gone, run.signal]);
  try {
    const table = await open(principal, signal);
    run.progress.rowsExpected = table.rowsExpected;
    run.progress.metadata = table.metadata;
    void reply.headers(headersOf(run.progress, name));
    const stream = exportStream(run, table, {
      withByteOrderMark: bom,
      withMetadata: metadata === 'inline',
      pauseMaxMs: options.pauseMaxMs,
      signal,
      onFailed: (error) => request.log.error({ err: error, exportId: id }, 'an export broke off'),
    });
    if (!EXPORT_FORMAT_FACTS[format].isText || !acceptsGzip(request.headers['accept-encoding'])) {
      return await reply.send(stream);
    }
    void reply.header('content-encoding', 'gzip');
    // A failure of the one is one of the other, which ends the answer; it is told by `onFailed`
    return await reply.send(pipeline(stream, createGzip(), () => undefined));
  } catch (error) {
    run.end(gone.aborted ? 'aborted' : 'failed', error);
    if (!gone.aborted) throw error;
    return reply.hijack();
  }
}

function headersOf(
  { id, format, owner, startedAtMs, rowsExpected, metadata }: ExportProgress,
  name: string,
): Record<string, string> {
  const { mediaType, extension } = EXPORT_FORMAT_FACTS[format];
  const instant = toInstant(startedAtMs).replaceAll(/[-:]|\.\d+/g, '');
  const fileName = `tidemark-${owner.organization}-${name}-${instant}.${extension}`;
  const json = JSON.stringify(metadata).replaceAll(NOT_ASCII, escaped);
  return {
    'content-type': format === 'csv' ? `${mediaType}; charset=utf-8; header=present` : mediaType,
    'content-disposition': `attachment; filename="${fileName}"; filename*=UTF-8''${encodeURIComponent(fileName)}`,
    'cache-control': 'private, no-store',
    vary: 'accept, accept-encoding',
    'tidemark-export-id': id,
    ...(rowsExpected === null ? {} : { 'tidemark-export-rows': String(rowsExpected) }),
    ...(json.length > METADATA_HEADER_BYTES_MAX ? {} : { 'tidemark-export-metadata': json }),
  };
}

/** Of one UTF-16 unit, as JSON escapes it. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** @throws invalid-request with every fault */
function readEnds(
  { from, to }: { readonly from: string; readonly to: string },
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const faults: Fault[] = [];
  const fromMs = readInstant(from, 'from', nowMs, faults);
  const toMs = readInstant(to, 'to', nowMs, faults);
  if (fromMs === null || toMs === null) throw refusal(faults);
  return { fromMs, toMs };
}

function listOf(value: string | string[] | undefined): readonly string[] | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? [value] : value;
}

/** Rows that are in memory already, in pieces that a reader can pause between. */
const ROWS_PER_BATCH = 1_000;

async function* batchesOf(rows: readonly TableRow[]): AsyncGenerator<readonly TableRow[]> {
  for (let at = 0; at < rows.length; at += ROWS_PER_BATCH) yield rows.slice(at, at + ROWS_PER_BATCH);
}

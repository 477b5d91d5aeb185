import Type from 'typebox';
import { completeThroughMs, MINUTE_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import type { Bus } from '@tidemark/bus';
import type { PipelineState } from '@tidemark/catalog';
import { DEAD_LETTERS_TOPIC, EVENTS_TOPIC } from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import type { Access } from './access.ts';
import { problemResponses } from './responses.ts';

const Count = Type.Integer({ minimum: 0 });
const InstantOrNull = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

const BEYOND_THE_LOG = 'progress is beyond the end of the log: it was made anew';

const StatusSchema = Type.Object(
  {
    completeThrough: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description:
        'No event before this instant is expected any more; null before everything has reported once',
    }),
    partitions: Type.Array(
      Type.Object({
        partition: Count,
        nextOffset: Type.Integer({ minimum: 0, description: 'The next record to be stored' }),
        endOffset: Type.Integer({ minimum: 0, description: 'The record that will be received next' }),
        lag: Type.Integer({ minimum: 0, description: 'Records received and not yet stored' }),
        arrivedThrough: InstantOrNull,
        halted: Type.Union([Type.String(), Type.Null()], {
          description: 'Why nothing of it is known to be stored; null while it goes on',
        }),
      }),
    ),
    lag: Count,
    dirtyBuckets: Type.Integer({
      minimum: 0,
      description: 'Buckets that are answered from raw until their rollup is made again',
    }),
    deadLetters: Type.Integer({ minimum: 0, description: 'Records kept because they could not be stored' }),
  },
  { title: 'Status', description: 'Of the whole pipeline: figures, no data of any organization' },
);

type Status = Type.Static<typeof StatusSchema>;

const HealthSchema = Type.Object(
  {
    status: Type.Union([Type.Literal('ok'), Type.Literal('behind'), Type.Literal('halted')], {
      description:
        '`behind`: numbers are complete only through an instant more than two minutes (and the allowed lateness) ago. `halted`: nothing more is known to be stored of a part of the events',
    }),
    asOf: Type.String({ format: 'date-time' }),
    completeThrough: InstantOrNull,
    lag: Type.Integer({ minimum: 0, description: 'Events received that no answer counts yet' }),
  },
  { title: 'AnalyticsHealth' },
);
/** What is complete is told in whole minutes: beyond one of them and a margin, and the allowed lateness, answers are behind. */
const BEHIND_AFTER_MS = 2 * MINUTE_MS;

export interface StatusRoutesOptions {
  readonly bus: Pick<Bus, 'bounds'>;
  readonly pipeline: Pick<PipelineState, 'progress' | 'countDirty'>;
  readonly access: Access;
  readonly clock: Clock;
  readonly allowedLatenessMs: number;
}

export function registerStatusRoutes(app: HttpServer, options: StatusRoutesOptions): void {
  const { access, clock, allowedLatenessMs } = options;
  app.get(
    '/api/v1/analytics/health',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: ['Operations'],
        summary: 'Whether numbers are fresh',
        response: { 200: HealthSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    async (_request, reply) => {
      const nowMs = clock.nowMs();
      const { completeThrough, lag, partitions } = await pipelineStatus(options);
      const isHalted = partitions.some(({ halted }) => halted !== null);
      const isBehind =
        completeThrough === null || nowMs - Date.parse(completeThrough) > BEHIND_AFTER_MS + allowedLatenessMs;
      return reply.header('cache-control', 'no-store').send({
        status: isHalted ? 'halted' : isBehind ? 'behind' : 'ok',
        asOf: new Date(nowMs).toISOString(),
        completeThrough,
        lag,
      });
    },
  );
  app.get(
    '/api/v1/status',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: ['Operations'],
        summary: 'How far the pipeline is',
        response: { 200: StatusSchema, ...problemResponses(401, 403, 429, 503) },
      },
    },
    () => pipelineStatus(options),
  );
}

async function pipelineStatus({ bus, pipeline, allowedLatenessMs }: StatusRoutesOptions): Promise<Status> {
  // Progress is read twice: what was stored before the bounds were read lies within them, unless the log was made anew; and a record
  // counted as received in them is not missed for being stored meanwhile.
  const before = new Map(
    (await pipeline.progress(EVENTS_TOPIC)).map(({ partition, nextOffset }) => [partition, nextOffset]),
  );
  const [bounds, deadBounds] = await Promise.all([bus.bounds(EVENTS_TOPIC), bus.bounds(DEAD_LETTERS_TOPIC)]);
  const [progress, dirtyBuckets] = await Promise.all([
    pipeline.progress(EVENTS_TOPIC),
    pipeline.countDirty(),
  ]);
  const known = new Map(progress.map((entry) => [entry.partition, entry]));
  const partitions = bounds.map(({ partition, startOffset, endOffset }) => {
    const { nextOffset = 0, arrivedThroughMs = 0 } = known.get(partition) ?? {};
    const isBeyond = (before.get(partition) ?? 0) > endOffset;
    return {
      partition,
      nextOffset,
      endOffset,
      lag: isBeyond ? endOffset - startOffset : Math.max(0, endOffset - nextOffset),
      arrivedThrough: toInstant(arrivedThroughMs === 0 ? null : arrivedThroughMs),
      halted: isBeyond ? BEYOND_THE_LOG : null,
    };
  });
  const watermarkMs = completeThroughMs(
    progress.map((entry) => entry.arrivedThroughMs),
    allowedLatenessMs,
  );
  return {
    completeThrough: toInstant(watermarkMs),
    partitions,
    lag: partitions.reduce((sum, partition) => sum + partition.lag, 0),
    dirtyBuckets,
    deadLetters: deadBounds.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0),
  };
}

function toInstant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

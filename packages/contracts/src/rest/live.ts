/** The live feed: `/api/v1/ws/analytics/{organization}` and `/api/v1/live`. What each message means is in docs/live.md. */
import type { AnswerChanges, Query } from '@tidemark/core';
import Type, { type Static } from 'typebox';
import type { Problem } from '../problem.ts';
import { QueryRequestSchema, SeriesParametersSchema, toSeriesQuery } from './query.ts';

/** Raised when a client of the one before would misunderstand. */
export const LIVE_PROTOCOL = 1;
/** Of a `periodic_update`. */
const INTERVAL_SECONDS_MAX = 3_600;

const ID = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'Of the subscription, chosen by the client and unique in its connection',
});
const INTERVAL = Type.Integer({
  minimum: 1,
  maximum: INTERVAL_SECONDS_MAX,
  description: 'Seconds between two `periodic_update`s; none when absent',
});
const RESUME = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'The `resume` of the last message of the subscription that was taken',
});

const SubscribeSchema = Type.Object(
  {
    type: Type.Literal('subscribe'),
    id: Type.Optional(ID),
    metrics: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
        minItems: 1,
        maxItems: 20,
        description: 'Short for a query: these metrics, minute by minute of the last hour',
      }),
    ),
    query: Type.Optional(QueryRequestSchema),
    interval: Type.Optional(INTERVAL),
    resume: Type.Optional(RESUME),
  },
  { additionalProperties: false },
);
const UnsubscribeSchema = Type.Object(
  { type: Type.Literal('unsubscribe'), id: ID },
  { additionalProperties: false },
);
const PingSchema = Type.Object(
  { type: Type.Literal('ping'), id: Type.Optional(ID) },
  { additionalProperties: false },
);

/** By their type: what a message of the type must be. */
export const LIVE_CLIENT_SCHEMAS = {
  subscribe: SubscribeSchema,
  unsubscribe: UnsubscribeSchema,
  ping: PingSchema,
} as const;
export type SubscribeMessage = Static<typeof SubscribeSchema>;
export type LiveClientMessage =
  | SubscribeMessage
  | Static<typeof UnsubscribeSchema>
  | Static<typeof PingSchema>;

export type LiveMessageType =
  | 'connected'
  | 'subscription_data'
  | 'periodic_update'
  | 'metric_update'
  | 'pong'
  | 'error';

/** A message of the server: with `answer`, it replaces what the client holds; with `changes`, it goes on from `sequence - 1`. */
export interface LiveServerMessage<Answer = unknown> {
  readonly type: LiveMessageType;
  /** Of the subscription. */
  readonly id?: string;
  readonly sequence?: number;
  readonly resume?: string;
  readonly answer?: Answer;
  readonly changes?: AnswerChanges;
  /** What the client holds is right: the changes since then follow. */
  readonly resumed?: true;
  readonly problem?: Problem;
  /** Of `pong`. */
  readonly time?: string;
}

/** The shorthand `metrics` of a subscription. */
export function toLiveQuery(metrics: readonly string[]): Query {
  return { metrics, ...LAST_HOUR };
}

const LAST_HOUR = { from: 'now-1h', to: 'now', granularity: 'minute' } as const;

const TOKEN = Type.String({
  minLength: 1,
  maxLength: 4_096,
  description: 'An API key or a token, for clients that cannot send headers',
});

/** Of the upgrade to a WebSocket. */
export const LiveSocketParametersSchema = Type.Object(
  { token: Type.Optional(TOKEN) },
  { title: 'LiveSocketParameters', additionalProperties: false },
);

/** Of an event stream whose query is a body. */
export const LiveStreamParametersSchema = Type.Object(
  {
    token: Type.Optional(TOKEN),
    interval: Type.Optional(INTERVAL),
    resume: Type.Optional(Type.String({ ...RESUME, description: 'As the header `Last-Event-ID`' })),
  },
  { title: 'LiveStreamParameters', additionalProperties: false },
);

const { from, to } = SeriesParametersSchema.properties;
/** A page of the past is not followed; and what is followed need not say its range. */
const withoutRange = ({
  cursor: _cursor,
  from: _from,
  to: _to,
  ...others
}: typeof SeriesParametersSchema.properties) => others;

/** The same with the query in the URL. */
export const LiveParametersSchema = Type.Object(
  {
    ...LiveStreamParametersSchema.properties,
    metrics: Type.String({
      minLength: 1,
      maxLength: 2_600,
      description: 'Keys of metrics, separated by commas',
    }),
    from: Type.Optional(from),
    to: Type.Optional(to),
    ...withoutRange(SeriesParametersSchema.properties),
  },
  {
    title: 'LiveParameters',
    additionalProperties: false,
    description: 'Without `from`, `to` and `granularity`: minute by minute of the last hour',
  },
);

type LiveParameters = Static<typeof LiveParametersSchema>;

/** @throws invalid-query with every filter that cannot be read */
export function readLiveParameters(parameters: LiveParameters): Query {
  const series = seriesParameters(parameters);
  const metrics = parameters.metrics.split(',');
  const isBare = [series.from, series.to, series.granularity].every((one) => one === undefined);
  const range = isBare ? LAST_HOUR : { from: series.from ?? LAST_HOUR.from, to: series.to ?? LAST_HOUR.to };
  return { ...toSeriesQuery(metrics[0] ?? '', { ...series, ...range }), metrics };
}

function seriesParameters({
  metrics: _metrics,
  token: _token,
  interval: _interval,
  resume: _resume,
  ...series
}: LiveParameters) {
  return series;
}

/** What an event stream sends; each `data` is a message as of the WebSocket. */
export const LiveStreamSchema = Type.String({
  title: 'LiveStream',
  description:
    'Server-sent events, named like the messages of the WebSocket; `id` is the resume token, `data` the message as JSON',
});

/** What the main process and its workers say to each other: one JSON value a line. */
import type { Query } from '@tidemark/core';
import type { EventTimes } from '../sample-events.ts';

export interface HttpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type LoadBody =
  | { readonly kind: 'fixed'; readonly text: string }
  | {
      readonly kind: 'events';
      /** 1 sends the event itself, more an array. */
      readonly eventsPerRequest: number;
      /** Becomes the `source`: with it, ids are unique over the whole run. */
      readonly source: string;
      readonly seed: number;
      readonly times: EventTimes;
    };

/** Requests one after the other on each connection, each sent when the one before is answered. */
export interface LoadRequest {
  readonly target: HttpTarget;
  readonly connections: number;
  readonly body: LoadBody;
  /** Requests a second over all connections, evenly; as fast as they are answered when absent. */
  readonly perSecond?: number;
  readonly until: { readonly elapsedMs: number } | { readonly requests: number };
}

export interface LoadAnswer {
  readonly requests: number;
  /** From the first byte sent to the last answer. */
  readonly elapsedMs: number;
  readonly startedAtMs: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number };
}

export type InsertTarget =
  | { readonly kind: 'chdb'; readonly path: string }
  | { readonly kind: 'clickhouse'; readonly url: string; readonly database: string };

export interface InsertRequest {
  readonly target: InsertTarget;
  readonly rows: number;
  readonly batchRows: number;
  readonly seed: number;
}

export interface InsertAnswer {
  readonly elapsedMs: number;
}

export interface CountRequest {
  readonly target: InsertTarget;
  readonly fromMs: number;
  readonly toMs: number;
  readonly repetitions: number;
}

export interface CountAnswer {
  readonly rows: number;
  readonly elapsedMs: { readonly p50: number; readonly p95: number };
}

/** Open subscribers; say what value comes next; wait until all have been told it. */
export type FollowersRequest =
  | {
      readonly kind: 'open';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly subscribers: number;
      readonly query: Query;
    }
  | { readonly kind: 'expect'; readonly value: number }
  | { readonly kind: 'collect' };

export interface FollowersAnswer {
  /** Of each subscriber, since the epoch; only of `collect`. */
  readonly receivedAtMs: readonly number[];
}

/** Worker -> what it is asked and what it answers. Each is a process of its own. */
export interface Conversations {
  load: { request: LoadRequest; answer: LoadAnswer };
  'bare-server': { request: Record<string, never>; answer: { readonly url: string } };
  'bare-insert': { request: InsertRequest; answer: InsertAnswer };
  'bare-count': { request: CountRequest; answer: CountAnswer };
  followers: { request: FollowersRequest; answer: FollowersAnswer };
}

export type WorkerName = keyof Conversations;

const WORKER_NAMES = [
  'load',
  'bare-server',
  'bare-insert',
  'bare-count',
  'followers',
] as const satisfies readonly WorkerName[];

export function isWorkerName(text: string): text is WorkerName {
  return (WORKER_NAMES as readonly string[]).includes(text);
}

/** The inside of a worker. */
export interface WorkerService<Name extends WorkerName> {
  answer(request: Conversations[Name]['request']): Promise<Conversations[Name]['answer']>;
  close(): Promise<void>;
}

/** A line of a worker's output. */
export type WorkerLine<T> = { readonly answer: T } | { readonly fault: string };

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { findBundle, waitUntil } from '@tidemark/testkit/cluster';
import type { Answer, Query } from '@tidemark/core';
import type { System } from './system.ts';

/** Where the product is, and with what credential it is asked. */
export type Addresses = Pick<System, 'ingestUrl' | 'gatewayUrl' | 'adminKey'>;

const VISIBLE_DEADLINE_MS = 60_000;

export interface JsonResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** One JSON request. @param key null: without a credential */
export async function call(
  url: string,
  options: {
    readonly method?: string;
    readonly key: string | null;
    readonly body?: string | Uint8Array;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<JsonResponse> {
  const response = await fetch(url, {
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(options.key === null ? {} : { authorization: `Bearer ${options.key}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

export function send(
  system: Addresses,
  body: string | Uint8Array,
  options: {
    readonly key?: string | null;
    readonly headers?: Readonly<Record<string, string>>;
    readonly query?: string;
  } = {},
): Promise<JsonResponse> {
  const { key = system.adminKey, headers = {}, query = '' } = options;
  return call(`${system.ingestUrl}/api/v1/events?${query}`, { key, body, headers });
}

export function ask(system: Addresses, query: Query, key = system.adminKey): Promise<Answer> {
  return askAt('/api/v1/query', system, query, key);
}

/** Never from the cache: for what is about the way to an answer, not about the answer. */
export function askAnew(system: Addresses, query: Query): Promise<Answer> {
  return askAt('/api/v1/query?use_cache=false', system, query, system.adminKey);
}

async function askAt(path: string, system: Addresses, query: Query, key: string): Promise<Answer> {
  const { status, body } = await call(`${system.gatewayUrl}${path}`, {
    key,
    body: JSON.stringify(query),
  });
  if (status !== 200) throw new Error(`the query was answered ${status}: ${JSON.stringify(body)}`);
  return body as unknown as Answer;
}

/** Resolves when everything that ingest has accepted so far is stored. */
export async function untilStored(system: Addresses): Promise<void> {
  await waitUntil(
    async () => {
      const { body } = await call(`${system.gatewayUrl}/api/v1/status`, { key: system.adminKey });
      return body['lag'] === 0;
    },
    { what: 'everything received to be stored', deadlineMs: VISIBLE_DEADLINE_MS },
  );
}

/** Resolves when no bucket that has closed waits for its rollup. */
export async function untilRolledUp(
  system: Addresses,
  remaining: (status: Record<string, unknown>) => boolean,
): Promise<void> {
  await waitUntil(
    async () => remaining((await call(`${system.gatewayUrl}/api/v1/status`, { key: system.adminKey })).body),
    { what: 'rollups to be made', deadlineMs: 120_000 },
  );
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command `tidemark` as users run it. */
export function startCommand(
  system: System,
  args: readonly string[],
  stateDir: string,
): {
  readonly process: ChildProcess;
  readonly ended: Promise<CommandResult>;
} {
  const child = spawn(process.execPath, [findBundle('tidemark'), ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      TIDEMARK_URL: system.gatewayUrl,
      TIDEMARK_INGEST_URL: system.ingestUrl,
      TIDEMARK_API_KEY: system.adminKey,
      XDG_STATE_HOME: stateDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<CommandResult>((resolve) => {
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { process: child, ended };
}

/** Runs the command to its end. @throws Error with its output unless it succeeds */
export async function command(
  system: System,
  args: readonly string[],
  stateDir: string,
): Promise<CommandResult> {
  const result = await startCommand(system, args, stateDir).ended;
  if (result.code !== 0)
    throw new Error(
      `tidemark ${args.join(' ')} ended with ${result.code}:\n${result.stderr}${result.stdout}`,
    );
  return result;
}

/** The single value of the series with these dimensions; undefined when there is no such series. */
export function valueOf(
  answer: Answer,
  metric: string,
  dimensions: Readonly<Record<string, string | null>> = {},
) {
  return answer.series.find(
    (series) =>
      series.metric === metric &&
      Object.entries(dimensions).every(([key, value]) => series.dimensions[key] === value),
  )?.points[0]?.value;
}

import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../statistics.ts';
import { createEventBody } from './event-body.ts';
import { HttpConnection } from './http-connection.ts';
import type { HttpTarget, LoadAnswer, LoadBody, LoadRequest } from './protocol.ts';

/** Seeds of the connections of one load lie this far apart from those of the next. */
const SEED_STEP = 1_009;

/** @throws Error at the first answer that is no success, naming it: a figure of refusals is none */
export async function runLoad(request: LoadRequest): Promise<LoadAnswer> {
  const url = new URL(request.target.url);
  const counter = { requests: 0, nextEvent: 0 };
  const latenciesMs: number[] = [];
  const connections = Array.from({ length: request.connections }, () => new HttpConnection(url));
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const isOver = (): boolean =>
    'requests' in request.until
      ? counter.requests >= request.until.requests
      : performance.now() - startedAt >= request.until.elapsedMs;

  async function drive(connection: HttpConnection, index: number): Promise<void> {
    const source = createBodySource(request.body, index, counter);
    const heads = createHeads(url, request.target);
    while (!isOver()) {
      const number = counter.requests;
      counter.requests += 1;
      await untilDue(request, number, startedAt);
      const body = source();
      const sentAt = performance.now();
      const answer = await connection.send(heads(body.length), body);
      latenciesMs.push(performance.now() - sentAt);
      if (answer.status < 200 || answer.status > 299) {
        throw new Error(`${url.href} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
      }
    }
  }

  try {
    await Promise.all(connections.map(drive));
  } finally {
    for (const connection of connections) connection.close();
  }
  return {
    requests: latenciesMs.length,
    elapsedMs: performance.now() - startedAt,
    startedAtMs,
    latencyMs: { p50: percentile(latenciesMs, 0.5), p95: percentile(latenciesMs, 0.95) },
  };
}

/** Whoever is late (the answer before took long) sends at once, so the rate holds over the whole. */
async function untilDue({ perSecond }: LoadRequest, number: number, startedAt: number): Promise<void> {
  if (perSecond === undefined) return;
  const waitMs = startedAt + (number / perSecond) * 1_000 - performance.now();
  if (waitMs > 0) await delay(waitMs);
}

function createBodySource(body: LoadBody, index: number, counter: { nextEvent: number }): () => Buffer {
  if (body.kind === 'fixed') {
    const bytes = Buffer.from(body.text);
    return () => bytes;
  }
  const template = createEventBody({ ...body, seed: body.seed + index * SEED_STEP });
  return () => {
    const firstNumber = counter.nextEvent;
    counter.nextEvent += body.eventsPerRequest;
    return template.stamp(firstNumber, Date.now());
  };
}

/** The head of a request changes with the length of its body only. */
function createHeads(url: URL, target: HttpTarget): (length: number) => Buffer {
  const lines = Object.entries({ host: url.host, connection: 'keep-alive', ...target.headers });
  const common = `POST ${url.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  let known = { length: -1, head: Buffer.alloc(0) };
  return (length) => {
    if (known.length !== length) {
      known = { length, head: Buffer.from(`${common}content-length: ${length}\r\n\r\n`) };
    }
    return known.head;
  };
}

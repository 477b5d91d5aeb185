import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StoredEvent {
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the next requests with events get instead of an acknowledgement. */
export type Fault = (events: readonly StoredEvent[], response: ServerResponse) => boolean;

/** A server that keeps what a real one must keep: (source, id) counts once, and offsets grow with every event taken. */
export interface FakeServer {
  readonly url: string;
  readonly events: Map<string, StoredEvent>;
  /** Every batch that was acknowledged, by size. */
  readonly batchSizes: number[];
  /** Events taken in all, copies included. */
  received: number;
  /** Asked in turn before an acknowledgement; the first to answer true has answered the request. */
  faults: Fault[];
  /** Any other route: `METHOD /path` to the answer. */
  readonly routes: Map<string, (body: unknown) => { readonly status: number; readonly body?: unknown }>;
  readonly requests: { readonly route: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

export async function startFakeServer(): Promise<FakeServer> {
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  const fake: Omit<FakeServer, 'url' | 'close'> = {
    events: new Map(),
    batchSizes: [],
    received: 0,
    faults: [],
    routes: new Map(),
    requests: [],
  };
  fake.routes.set('GET /api/v1/status', () => ({
    status: 200,
    body: {
      pipeline: {
        completeThrough: null,
        partitions: [
          { partition: 0, nextOffset: String(fake.received), endOffset: String(fake.received), lag: 0 },
        ],
      },
    },
  }));

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = `${request.method} ${request.url}`;
    fake.requests.push({ route, authorization: request.headers.authorization });
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (route === 'POST /api/v1/events') {
      acknowledge(JSON.parse(text) as StoredEvent[], response);
      return;
    }
    const known = fake.routes.get(route)?.(text === '' ? null : JSON.parse(text));
    sendJson(response, known?.status ?? 404, known === undefined ? { title: 'not found' } : known.body);
  };
  const acknowledge = (events: StoredEvent[], response: ServerResponse): void => {
    if (fake.faults.some((fault) => fault(events, response))) return;
    storeAll(fake, events);
    sendJson(response, 202, { received: events.length, accepted: events.length, rejected: [] });
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

export function storeAll(
  fake: Pick<FakeServer, 'events' | 'batchSizes' | 'received'>,
  events: readonly StoredEvent[],
): void {
  for (const event of events) fake.events.set(JSON.stringify([event.source, event.id]), event);
  fake.batchSizes.push(events.length);
  fake.received += events.length;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

/** Answers once for each given time, then never again. */
export function once(fault: Fault, times = 1): Fault {
  let left = times;
  return (events, response) => {
    if (left === 0) return false;
    left -= 1;
    return fault(events, response);
  };
}

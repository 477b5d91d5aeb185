import { expect, it } from '@jest/globals';
import { type Answer, applyChanges, type AnswerChanges, type Query } from '@tidemark/core';
import { waitUntil } from '@tidemark/testkit/cluster';
import { WebSocket } from 'ws';
import { ask, send, untilStored } from './client.ts';
import type { System } from './system.ts';

const DEADLINE_MS = 30_000;
const UPDATE_MS_MAX = 2_000;
const UPDATES = 5;
/** Long before everything else that the suite sends. */
const DAY: Query = { metrics: ['http.requests'], from: '2025-04-07', to: '2025-04-08', granularity: 'hour' };

interface Message {
  readonly type: string;
  readonly sequence?: number;
  readonly resume?: string;
  readonly answer?: Answer;
  readonly changes?: AnswerChanges;
  readonly resumed?: true;
}

/** What a client holds, by the rules of docs/live.md. */
class Held {
  answer: Answer | null = null;
  sequence = 0;
  resume: string | undefined;
  readonly types: string[] = [];

  take({ type, sequence, resume, answer, changes }: Message): void {
    this.types.push(type);
    if (sequence === undefined) return;
    if (changes !== undefined) {
      if (this.answer === null || sequence !== this.sequence + 1) throw new Error('a gap in the live feed');
      this.answer = applyChanges(this.answer, changes);
    } else if (answer !== undefined) this.answer = answer;
    this.sequence = sequence;
    this.resume = resume;
  }

  get total(): number {
    const points = this.answer?.series.flatMap((series) => series.points) ?? [];
    return points.reduce((sum, { value }) => sum + Number(value ?? 0), 0);
  }
}

export function describeLiveFeed(system: () => System): void {
  async function overWebSocket(query: Query, held = new Held()) {
    const { gatewayUrl, adminKey } = system();
    const url = `${gatewayUrl.replace('http', 'ws')}/api/v1/ws/analytics/default`;
    const socket = new WebSocket(url, ['tidemark.v1', `bearer.${adminKey}`]);
    socket.on('error', () => undefined);
    socket.on('message', (data) => held.take(JSON.parse((data as Buffer).toString()) as Message));
    const closed = new Promise<number>((resolve) => {
      socket.once('close', resolve);
    });
    await waitUntil(async () => held.types.at(-1) === 'connected', {
      what: 'a connection',
      deadlineMs: DEADLINE_MS,
    });
    socket.send(JSON.stringify({ type: 'subscribe', id: 'e2e', query, resume: held.resume }));
    return {
      held,
      closed,
      close: async () => {
        socket.close();
        await closed;
      },
    };
  }

  async function overEventStream(query: Query) {
    const held = new Held();
    const ending = new AbortController();
    const response = await fetch(`${system().gatewayUrl}/api/v1/live`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system().adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(query),
      signal: ending.signal,
    });
    expect(response.status).toBe(200);
    const reading = (async () => {
      let text = '';
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const data = event.split('\n').find((line) => line.startsWith('data: '));
          if (data !== undefined) held.take(JSON.parse(data.slice('data: '.length)) as Message);
        }
      }
    })().catch(() => undefined);
    return {
      held,
      close: async () => {
        ending.abort();
        await reading;
      },
    };
  }

  async function sendRequest(id: string, time: string, path: string): Promise<void> {
    const event = { specversion: '1.0', id, source: '/e2e/live', type: 'http.request', time };
    const body = JSON.stringify({ ...event, data: { path, status: 200 } });
    expect((await send(system(), body)).status).toBe(202);
  }

  /** Until all that is held is what REST says at the same moment. */
  async function assertAllSay(holders: readonly Held[], query: Query, total: number): Promise<void> {
    let said: Answer | null = null;
    const isEqual = async () => {
      said = await ask(system(), query);
      const texts = [said, ...holders.map(({ answer }) => answer)].map((answer) => JSON.stringify(answer));
      return holders.every((held) => held.total === total) && new Set(texts).size === 1;
    };
    await waitUntil(isEqual, { what: `all doors to say ${total}`, deadlineMs: 2 * DEADLINE_MS });
    for (const held of holders) expect(held.answer).toEqual(said);
  }

  it('gives the numbers of REST by WebSocket and by event stream, before and after a late event', async () => {
    const [socket, stream] = await Promise.all([overWebSocket(DAY), overEventStream(DAY)]);
    await assertAllSay([socket.held, stream.held], DAY, 0);
    for (const minute of ['03:10', '04:10', '04:20']) {
      await sendRequest(`rest-${minute}`, `2025-04-07T${minute}:00Z`, '/rest');
    }
    await assertAllSay([socket.held, stream.held], DAY, 3);
    await Promise.all([socket.close(), stream.close()]);
  }, 180_000);

  it('tells of an event within two seconds', async () => {
    const query: Query = {
      metrics: ['http.requests'],
      from: 'now-1h',
      to: 'now',
      filters: [{ dimension: 'path', op: 'eq', value: '/live' }],
    };
    const { held, close } = await overWebSocket(query);
    const tookMs: number[] = [];
    for (let event = 1; event <= UPDATES; event += 1) {
      const sentAtMs = performance.now();
      await sendRequest(`live-${event}`, new Date().toISOString(), '/live');
      await waitUntil(async () => held.total === event, { what: `${event} events`, deadlineMs: DEADLINE_MS });
      tookMs.push(performance.now() - sentAtMs);
    }
    const median = tookMs.toSorted((a, b) => a - b)[Math.floor(UPDATES / 2)] ?? Number.NaN;
    expect(median).toBeLessThanOrEqual(UPDATE_MS_MAX);
    await close();
  }, 180_000);

  it('goes on after the gateway was killed', async () => {
    const first = await overWebSocket(DAY);
    await assertAllSay([first.held], DAY, 3);
    await system().kill();
    expect(await first.closed).toBe(1006);
    await system().start();
    await sendRequest('after-restart', '2025-04-07T05:10:00Z', '/rest');
    await untilStored(system());
    const second = await overWebSocket(DAY, first.held);
    await assertAllSay([second.held], DAY, 4);
    expect(second.held.types).toContain('subscription_data');
    await second.close();
  }, 180_000);
}

/** What tests of the live feed share: a world of counts by minute, clients that hold what they are sent, and a network that can stall. */
import type { LiveServerMessage } from '@tidemark/contracts';
import {
  type Answer,
  applyChanges,
  type Clock,
  MINUTE_MS,
  type OrganizationId,
  parseOrganizationId,
  type Principal,
} from '@tidemark/core';
import type { Flush } from '@tidemark/query';
import { LiveConnection } from './connection.ts';
import { createLiveHub, type LiveHub, type LiveHubOptions } from './hub.ts';
import type { Subscriber } from './subscriber.ts';
import type { LiveTransport } from './transport.ts';

const START_MS = Date.parse('2026-03-01T12:00:00Z');
const ACME = organization('acme');
const MINUTES = 30;

export function organization(name: string): OrganizationId {
  const parsed = parseOrganizationId(name);
  if (parsed === null) throw new Error(`${name} is no organization`);
  return parsed;
}

export function principalOf(whose: OrganizationId = ACME): Principal {
  return { organization: whose, role: 'viewer', credentialId: `key of ${whose}`, user: null };
}

const QUERY = { metrics: ['shop.orders'], from: 'now-30m', to: 'now', granularity: 'minute' } as const;

/** A clock that stands still; sleeps that are over end when it is advanced. */
export function createHeldClock(startMs = START_MS): Clock & { advance(ms: number): void } {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          untilMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        if (signal?.aborted === true) sleeper.wake();
        else signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
    advance(ms) {
      nowMs += ms;
      for (const sleeper of [...sleepers]) if (sleeper.untilMs <= nowMs) sleeper.wake();
    },
  };
}

/** Until everything has gone as far as it can while the clock stands still. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export interface World {
  readonly clock: ReturnType<typeof createHeldClock>;
  readonly hub: LiveHub;
  /** Questions that were asked. */
  readonly asked: { readonly organization: OrganizationId; readonly atMs: number }[];
  readonly counted: Map<string, number>;
  /** Set: what every question fails with. */
  failure: Error | null;
  /** Called while a question is under way. */
  onAsk: () => Promise<void>;
  answerNow(whose?: OrganizationId): Answer;
  /** Rows of the minute that begins so many minutes before the start; and their flush. */
  store(minutesBack: number, by: number, whose?: OrganizationId): void;
}

export function createWorld(): World {
  const clock = createHeldClock();
  const counts = new Map<string, number>();
  const listeners = new Set<(flush: Flush) => void>();
  const rangeAt = (nowMs: number) => ({ fromMs: nowMs - MINUTES * MINUTE_MS, toMs: nowMs });
  const engine = {
    resolve: () => Promise.resolve({ ...rangeAt(clock.nowMs()), metrics: [], shift: null }),
  } as unknown as LiveHubOptions['engine'];
  const world: World = {
    clock,
    asked: [],
    counted: new Map(),
    failure: null,
    onAsk: () => Promise.resolve(),
    answerNow(whose = ACME) {
      const { fromMs, toMs } = rangeAt(clock.nowMs());
      const firstMs = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS;
      const starts = Array.from({ length: MINUTES }, (_, index) => firstMs + index * MINUTE_MS);
      const iso = (ms: number) => new Date(ms).toISOString();
      return {
        series: [
          {
            metric: 'shop.orders',
            dimensions: {},
            points: starts.map((startMs) => ({
              start: iso(startMs),
              end: iso(startMs + MINUTE_MS),
              value: counts.get(`${whose} ${startMs}`) ?? 0,
              partial: startMs + 2 * MINUTE_MS > toMs,
            })),
          },
        ],
        from: iso(fromMs),
        to: iso(toMs),
        granularity: 'minute',
        timeZone: 'UTC',
        completeThrough: iso(toMs - (toMs % MINUTE_MS)),
        tiersRead: ['raw'],
        estimates: [],
        groupsOmitted: 0,
        nextCursor: null,
      };
    },
    store(minutesBack, by, whose = ACME) {
      const startMs = START_MS - minutesBack * MINUTE_MS;
      const key = `${whose} ${startMs}`;
      counts.set(key, (counts.get(key) ?? 0) + by);
      for (const listener of listeners) listener({ organization: whose, minutesMs: [startMs] });
    },
    hub: createLiveHub({
      engine,
      feed: {
        onFlush(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      answers: {
        async ask({ organization: whose }) {
          world.asked.push({ organization: whose, atMs: clock.nowMs() });
          const json = JSON.stringify(world.answerNow(whose));
          await world.onAsk();
          if (world.failure !== null) throw world.failure;
          return { json, etag: json, source: 'engine', answer: JSON.parse(json) as Answer };
        },
      },
      instance: 'test',
      clock,
      log: { error: (fault: unknown) => void world.counted.set(JSON.stringify(fault), 1) },
      telemetry: {
        increment: (name, by = 1) => void world.counted.set(name, (world.counted.get(name) ?? 0) + by),
        set: () => undefined,
        observe: () => undefined,
      },
    }),
  };
  return world;
}

/** A client that holds what it is told by the rules of docs/live.md, behind a network that passes on only when asked to. */
export class TestClient {
  readonly #world: World;
  readonly #principal: Principal;
  /** What one byte counts: answers of tests are small. */
  readonly #weight: number;
  readonly types: string[] = [];
  answer: Answer | null = null;
  sequence = 0;
  resume: string | null = null;
  problem: unknown = null;
  closed: string | null = null;
  isReading = true;
  bufferedPeak = 0;
  connection: LiveConnection | null = null;
  #network: { readonly frame: Buffer; readonly onTaken: () => void }[] = [];

  constructor(world: World, options: { readonly principal?: Principal; readonly weight?: number } = {}) {
    this.#world = world;
    this.#principal = options.principal ?? principalOf();
    this.#weight = options.weight ?? 1;
  }

  async connect(options: { readonly intervalMs?: number } = {}): Promise<void> {
    const { hub, clock } = this.#world;
    this.closed = null;
    this.#network = [];
    const connection = new LiveConnection({
      transport: this.#transport(),
      principal: this.#principal,
      answersHeartbeats: false,
      endsWithSubscription: false,
      number: 0,
      authenticate: () => Promise.resolve(this.#principal),
      hub,
      nowMs: () => clock.nowMs(),
      log: { warn: () => undefined },
      telemetry: {
        increment: (name, by = 1) =>
          void this.#world.counted.set(name, (this.#world.counted.get(name) ?? 0) + by),
      },
      onEnd: () => undefined,
    });
    this.connection = connection;
    let subscriber: Subscriber | null = null;
    subscriber = await hub.subscribe(this.#principal, QUERY, {
      intervalMs: options.intervalMs ?? null,
      resume: this.resume,
      wake: () => {
        if (subscriber !== null) connection.wake(subscriber);
      },
    });
    connection.add('1', subscriber);
  }

  disconnect(): void {
    this.connection?.end();
    this.connection = null;
    this.#network = [];
  }

  /** Takes from the network what is in it, and so on. */
  read(): void {
    while (this.isReading && this.#network.length > 0) {
      const { frame, onTaken } = this.#network.shift() as { frame: Buffer; onTaken: () => void };
      this.#hold(JSON.parse(frame.toString()) as LiveServerMessage<Answer>);
      onTaken();
    }
  }

  #hold({ type, sequence = 0, resume, answer, changes, resumed, problem }: LiveServerMessage<Answer>): void {
    this.types.push(type);
    if (problem !== undefined) {
      this.problem = problem;
      return;
    }
    if (answer !== undefined) {
      if (resumed === true) throw new Error('resumed, and yet a whole answer');
      this.answer = answer;
    } else if (changes !== undefined) {
      if (sequence !== this.sequence + 1 || this.answer === null) {
        throw new Error(`a gap: changes to ${sequence} where ${this.sequence} is held`);
      }
      this.answer = applyChanges(this.answer, changes);
    } else if (sequence !== this.sequence) {
      throw new Error(`resumed at ${sequence} where ${this.sequence} is held`);
    }
    this.sequence = sequence;
    this.resume = resume ?? null;
  }

  #transport(): LiveTransport {
    const buffered = () => this.#network.reduce((sum, { frame }) => sum + frame.length, 0) * this.#weight;
    return {
      format: 'websocket',
      get bufferedBytes() {
        return buffered();
      },
      send: (frame, onTaken) => {
        this.#network.push({ frame, onTaken });
        this.bufferedPeak = Math.max(this.bufferedPeak, buffered());
      },
      beat: () => undefined,
      setReading: () => undefined,
      close: (reason) => {
        this.closed = reason;
      },
      terminate: () => undefined,
    };
  }
}

/** Producers: they send at a steady pace, and whatever is not acknowledged they send again until it is. */
import { setTimeout as delay } from 'node:timers/promises';
import { WAIT_LEVELS, type WaitLevel } from '@tidemark/contracts';
import type { WaitFigures } from './check-waits.ts';
import { deliver, type DeliveryOptions } from './delivery.ts';
import { type PlannedRequest, planRequest, type RequestKind, type RequestPlan } from './requests.ts';

const EVENTS_PER_SECOND = 500;
/** Of a request, on average. */
const EVENTS_PER_REQUEST = 36;
const REQUEST_INTERVAL_MS = (1_000 * EVENTS_PER_REQUEST) / EVENTS_PER_SECOND;
const IN_FLIGHT_MAX = 32;
/** Batches kept in mind for copies: copies come seconds or an hour later. */
const BATCHES_REMEMBERED_MAX = 2_000;
const KIND_WEIGHTS: readonly (readonly [RequestKind, number])[] = [
  ['fresh', 0.78],
  ['again', 0.08],
  ['other-payload', 0.06],
  ['other-organization', 0.08],
];
/** Of fresh batches, sent twice at the same time. */
const TWICE_AT_ONCE = 0.1;

export interface LoadFigures {
  readonly requests: number;
  readonly attemptsAgain: number;
  readonly eventsSent: number;
  readonly copiesSent: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly connectionsBroken: number;
  readonly waits: WaitFigures;
}

export interface LoadOptions extends DeliveryOptions {
  readonly seed: number;
}

export class Load {
  readonly #on: LoadOptions;
  readonly #pending = new Set<Promise<void>>();
  readonly #remembered: RequestPlan[] = [];
  #nextBatch = 0;
  #isPaused = true;
  #ending = false;
  #loop: Promise<void> | null = null;
  #requests = 0;
  #attemptsAgain = 0;
  #eventsSent = 0;
  #copiesSent = 0;
  #connectionsBroken = 0;

  constructor(options: LoadOptions) {
    this.#on = options;
  }

  resume(): void {
    this.#isPaused = false;
    this.#loop ??= this.#run();
  }

  /** No new requests; those under way go on until they are taken. */
  pause(): void {
    this.#isPaused = true;
  }

  /** One request for each level, while nothing else goes on. */
  async sendWaits(): Promise<void> {
    for (const level of WAIT_LEVELS) {
      const request = planRequest(this.#on.seed, this.#freshPlan());
      this.#on.oracle.send(request);
      this.#deliver(request, level);
      await Promise.all(this.#pending);
    }
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Requests that nobody has taken yet are given up. */
  async close(): Promise<void> {
    this.#ending = true;
    await this.#loop;
    await Promise.all(this.#pending);
  }

  figures(): LoadFigures {
    return {
      requests: this.#requests,
      attemptsAgain: this.#attemptsAgain,
      eventsSent: this.#eventsSent,
      copiesSent: this.#copiesSent,
      refused: this.#on.refusals.figures(),
      connectionsBroken: this.#connectionsBroken,
      waits: this.#on.waits.figures(),
    };
  }

  async #run(): Promise<void> {
    while (!this.#ending) {
      await delay(REQUEST_INTERVAL_MS);
      if (this.#isPaused || this.#pending.size >= IN_FLIGHT_MAX) continue;
      const plan = this.#nextPlan();
      const request = planRequest(this.#on.seed, plan);
      this.#on.oracle.send(request);
      this.#deliver(request);
      if (plan.kind === 'fresh' && this.#on.random.chance(TWICE_AT_ONCE)) {
        this.#copiesSent += request.events.length;
        this.#deliver(request);
      } else if (plan.kind === 'again' || plan.kind === 'other-payload') {
        this.#copiesSent += request.events.length;
      }
    }
  }

  #nextPlan(): RequestPlan {
    const { random } = this.#on;
    let draw = random.next();
    const kind = KIND_WEIGHTS.find(([, weight]) => (draw -= weight) < 0)?.[0] ?? 'fresh';
    if (kind !== 'fresh' && this.#remembered.length > 0) {
      const { batch, baseMs } = random.pick(this.#remembered);
      return { batch, kind, baseMs };
    }
    return this.#freshPlan();
  }

  #freshPlan(): RequestPlan {
    const batch = this.#nextBatch;
    this.#nextBatch += 1;
    return { batch, kind: 'fresh', baseMs: this.#on.nowMs() };
  }

  #deliver(request: PlannedRequest, wait?: WaitLevel): void {
    this.#requests += 1;
    this.#eventsSent += request.events.length;
    const delivery = this.#untilTaken(request, wait).finally(() => this.#pending.delete(delivery));
    this.#pending.add(delivery);
  }

  async #untilTaken(request: PlannedRequest, wait?: WaitLevel): Promise<void> {
    const { isTaken, attempts, connectionsBroken } = await deliver(
      request,
      this.#on,
      () => this.#ending,
      wait,
    );
    this.#attemptsAgain += attempts - 1;
    this.#connectionsBroken += connectionsBroken;
    const { batch, kind, baseMs } = request;
    if (isTaken && kind === 'fresh') this.#remember({ batch, kind, baseMs });
  }

  #remember(plan: RequestPlan): void {
    if (this.#remembered.length < BATCHES_REMEMBERED_MAX) this.#remembered.push(plan);
    else this.#remembered[this.#on.random.integer(0, BATCHES_REMEMBERED_MAX - 1)] = plan;
  }
}

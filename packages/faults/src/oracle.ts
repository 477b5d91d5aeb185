/** What must be true of the product, from what was sent and what was acknowledged. Knows nothing of how it stores. */
import { DAY_MS, MINUTE_MS } from '@tidemark/core';
import type { PlannedRequest } from './requests.ts';
import { ORGANIZATION_NAMES, isHttpSlot, organizationOfSlot } from './slots.ts';

const SENT = 1;
const ACKNOWLEDGED = 2;

/** One minute of one organization: of its calls of models, not of its requests over HTTP. */
export interface MinuteFold {
  /** Events sent, whether or not anybody took them yet. */
  sent: number;
  acknowledged: number;
  /** Those of them that were acknowledged before the minute was over: a closed bucket has them. */
  acknowledgedInTime: number;
  /** Sum over the acknowledged. */
  tokens: number;
}

export interface ExpectedEvent {
  readonly isAcknowledged: boolean;
  /** Start, in minutes since the epoch. */
  readonly minute: number;
  readonly tokens: number;
  /** Of what raw is to hold: see `contentOfRow`. */
  readonly content: number;
}

export class Oracle {
  #state = new Uint8Array(1 << 16);
  #minute = new Uint32Array(1 << 16);
  #tokens = new Uint32Array(1 << 16);
  #content = new Uint32Array(1 << 16);
  #slots = 0;
  readonly #folds: readonly Map<number, MinuteFold>[] = ORGANIZATION_NAMES.map(() => new Map());
  readonly #days = new Set<number>();
  #acknowledged = 0;

  /** Before the first attempt. Copies of known events change nothing. */
  send(request: PlannedRequest): void {
    for (const { slot, timeMs, tokens, content } of request.events) {
      this.#grow(slot);
      if (this.#state[slot] !== 0) continue;
      const minute = Math.floor(timeMs / MINUTE_MS);
      this.#state[slot] = SENT;
      this.#minute[slot] = minute;
      this.#tokens[slot] = tokens;
      this.#content[slot] = content;
      this.#days.add(Math.floor(timeMs / DAY_MS));
      if (!isHttpSlot(slot)) this.#fold(slot, minute).sent += 1;
    }
  }

  /** After the answer is in the journal. The first acknowledged payload of an event is the one that counts. */
  acknowledge(request: PlannedRequest, atMs: number): void {
    for (const { slot } of request.events) {
      if (this.#state[slot] === ACKNOWLEDGED) continue;
      if (this.#state[slot] !== SENT) throw new Error(`slot ${slot} was acknowledged before it was sent`);
      this.#state[slot] = ACKNOWLEDGED;
      this.#acknowledged += 1;
      if (isHttpSlot(slot)) continue;
      const minute = this.#minute[slot] ?? 0;
      const fold = this.#fold(slot, minute);
      fold.acknowledged += 1;
      fold.tokens += this.#tokens[slot] ?? 0;
      if (atMs <= (minute + 1) * MINUTE_MS) fold.acknowledgedInTime += 1;
    }
  }

  /** Different events that were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Every slot in use is below. */
  get slots(): number {
    return this.#slots;
  }

  /** Null when it was never sent. */
  expected(slot: number): ExpectedEvent | null {
    const state = this.#state[slot] ?? 0;
    if (state === 0) return null;
    return {
      isAcknowledged: state === ACKNOWLEDGED,
      minute: this.#minute[slot] ?? 0,
      tokens: this.#tokens[slot] ?? 0,
      content: this.#content[slot] ?? 0,
    };
  }

  /** Starts of the UTC days, of event time, on which anything was sent, ms; ascending. */
  days(): readonly number[] {
    return [...this.#days].toSorted((a, b) => a - b).map((day) => day * DAY_MS);
  }

  /** By minute since the epoch. */
  minutes(organization: number): ReadonlyMap<number, Readonly<MinuteFold>> {
    const folds = this.#folds[organization];
    if (folds === undefined) throw new Error(`there is no organization ${organization}`);
    return folds;
  }

  #fold(slot: number, minute: number): MinuteFold {
    const folds = this.#folds[organizationOfSlot(slot)];
    if (folds === undefined) throw new Error(`slot ${slot} is of no organization`);
    let fold = folds.get(minute);
    if (fold === undefined) {
      fold = { sent: 0, acknowledged: 0, acknowledgedInTime: 0, tokens: 0 };
      folds.set(minute, fold);
    }
    return fold;
  }

  #grow(slot: number): void {
    this.#slots = Math.max(this.#slots, slot + 1);
    if (slot < this.#state.length) return;
    const length = Math.max(slot + 1, this.#state.length * 2);
    const state = new Uint8Array(length);
    state.set(this.#state);
    this.#state = state;
    this.#minute = grown(this.#minute, length);
    this.#tokens = grown(this.#tokens, length);
    this.#content = grown(this.#content, length);
  }
}

function grown(numbers: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(length);
  result.set(numbers);
  return result;
}

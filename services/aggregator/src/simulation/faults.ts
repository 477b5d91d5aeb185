/** What goes wrong, how often: drawn from the seed, so that some runs see one kind of fault alone and others all together. */
import { SECOND_MS } from '@tidemark/core';
import type { Random } from './random.ts';

/** Probabilities are of one call; intervals are means, 0 for never. */
export interface FaultRates {
  /** Has no effect and says so. */
  readonly refused: number;
  /** Has its effect, and an error is the answer. */
  readonly replyLost: number;
  /** A message that takes seconds instead of milliseconds. */
  readonly slow: number;
  /** A process that takes seconds to encode rows: its thread is needed by others. */
  readonly slowEncoding: number;
  readonly crash: number;
  /** The engine runs an insert (or a recomputation) for seconds, beyond the patience of its client. */
  readonly slowInsert: number;
  /** An insert that is on its way for seconds, beyond the patience of its client. */
  readonly lateInsert: number;
  readonly tooManyParts: number;
  readonly pauseIntervalMs: number;
  /** Of the pauses: those in which the engine forgets tokens. */
  readonly longPauses: number;
  readonly rebalanceIntervalMs: number;
  readonly warehouseCrashIntervalMs: number;
  readonly outageIntervalMs: number;
}

const NO_FAULTS: FaultRates = {
  refused: 0,
  replyLost: 0,
  slow: 0,
  slowEncoding: 0,
  crash: 0,
  slowInsert: 0,
  lateInsert: 0,
  tooManyParts: 0,
  pauseIntervalMs: 0,
  longPauses: 0,
  rebalanceIntervalMs: 0,
  warehouseCrashIntervalMs: 0,
  outageIntervalMs: 0,
};

/** Each kind of fault is there in about half of the runs, from rare to frequent. */
export function drawFaultRates(random: Random): FaultRates {
  const rate = (greatest: number) => (random.chance(0.5) ? greatest * random.next() ** 2 : 0);
  const often = (greatest: number) => (random.chance(0.5) ? greatest * random.next() : 0);
  const interval = (shortestMs: number) => (random.chance(0.5) ? shortestMs * random.between(1, 5) : 0);
  return {
    refused: rate(0.15),
    replyLost: rate(0.15),
    slow: rate(0.15),
    slowEncoding: rate(0.3),
    crash: rate(0.02),
    slowInsert: often(0.8),
    lateInsert: often(0.7),
    tooManyParts: rate(0.3),
    pauseIntervalMs: interval(6 * SECOND_MS),
    longPauses: 0.05,
    rebalanceIntervalMs: interval(6 * SECOND_MS),
    warehouseCrashIntervalMs: interval(4 * SECOND_MS),
    outageIntervalMs: interval(15 * SECOND_MS),
  };
}

/** When a process stops, seen from a call it makes. */
export type CrashPoint = 'before' | 'underway' | 'at-reply';

const QUICK_MS = 12;
const SLOW_MS = 6 * SECOND_MS;
const ENCODING_SLOW_MS = 2 * SECOND_MS;

export class Faults {
  private readonly random: Random;
  private rates: FaultRates;

  constructor(random: Random, rates: FaultRates) {
    this.random = random;
    this.rates = rates;
  }

  get now(): FaultRates {
    return this.rates;
  }

  get areOver(): boolean {
    return this.rates === NO_FAULTS;
  }

  /** From here on nothing new goes wrong. */
  stop(): void {
    this.rates = NO_FAULTS;
  }

  isRefused = (): boolean => this.random.chance(this.rates.refused);
  isReplyLost = (): boolean => this.random.chance(this.rates.replyLost);
  hasTooManyParts = (): boolean => this.random.chance(this.rates.tooManyParts);

  crashPoint(): CrashPoint | null {
    if (!this.random.chance(this.rates.crash)) return null;
    return this.random.pick<CrashPoint>(['before', 'underway', 'underway', 'at-reply']);
  }

  messageMs(): number {
    return this.random.chance(this.rates.slow)
      ? this.random.between(QUICK_MS, SLOW_MS)
      : this.random.between(0, QUICK_MS);
  }

  /** How long a process takes to encode rows. */
  encodingMs(): number {
    return this.random.chance(this.rates.slowEncoding)
      ? this.random.between(QUICK_MS, ENCODING_SLOW_MS)
      : this.random.between(0, QUICK_MS);
  }

  /** How long an insert is on its way to the engine. */
  insertArrivalMs(): number {
    return this.random.chance(this.rates.lateInsert)
      ? this.random.between(SECOND_MS, 4 * SLOW_MS)
      : this.messageMs();
  }

  /** How long the engine works on what it writes. */
  writingMs(): number {
    return this.random.chance(this.rates.slowInsert)
      ? this.random.between(SECOND_MS, 3 * SLOW_MS)
      : this.random.between(0, 2 * QUICK_MS);
  }
}

/** Which fault comes when: by seed, one after the other, with a checkpoint now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import { SECOND_MS } from '@tidemark/core';
import type { Random } from './random.ts';
import type { Fault, Injected, System } from './system.ts';

/** M: a checkpoint after so many faults. */
const FAULTS_PER_CHECKPOINT = 25;
/**
 * Half of the faults find everything up and events being stored, or what comes about in time; the others meet a recovery under way. A group
 * of Kafka waits half a minute for a member that was killed, so without this most kills would hit an aggregator that has nothing to do.
 */
const AWAITS_RECOVERY = 0.5;
const RECOVERY_MS_MAX = 45_000;
/** When the number of faults is what counts. */
const SAMPLE_RECOVERY_MS_MAX = 12_000;
const RECOVERY_CHECK_MS = 100;
const PAUSE_MS_MAX = 3_000;

export interface FaultFigures {
  readonly name: string;
  /** With effect: something met it. */
  readonly injected: number;
  /** Done when nobody noticed. */
  readonly withoutEffect: number;
  /** Chosen when it could not be done. */
  readonly skipped: number;
}

/** A time of faults, or a number of them (with effect) however slow the machine is. */
export type RunLength = { readonly seconds: number } | { readonly faults: number };

export interface ScheduleOptions {
  readonly system: Pick<System, 'faults' | 'processes'>;
  /** Null: all. */
  readonly faultNames: readonly string[] | null;
  readonly random: Random;
  readonly nowMs: () => number;
  /** Records that the product has taken from the log for good; null when it does not say so now. */
  readonly storedRecords: () => Promise<number | null>;
  readonly log: (line: string) => void;
}

export class Schedule {
  readonly #on: ScheduleOptions;
  readonly #faults: readonly Fault[];
  readonly #injected = new Map<string, number>();
  readonly #withoutEffect = new Map<string, number>();
  readonly #skipped = new Map<string, number>();
  #total = 0;

  /** @throws Error naming the faults that do not exist */
  constructor(options: ScheduleOptions) {
    this.#on = options;
    this.#faults = selectFaults(options.system.faults, options.faultNames);
  }

  figures(): readonly FaultFigures[] {
    return this.#faults.map(({ name }) => ({
      name,
      injected: this.#injected.get(name) ?? 0,
      withoutEffect: this.#withoutEffect.get(name) ?? 0,
      skipped: this.#skipped.get(name) ?? 0,
    }));
  }

  /** @param checkpoint answers false when going on makes no sense. @returns false when it was ended by that */
  async run(length: RunLength, checkpoint: () => Promise<boolean>): Promise<boolean> {
    const { nowMs, random } = this.#on;
    const startedAtMs = nowMs();
    const ending =
      'seconds' in length ? AbortSignal.timeout(length.seconds * SECOND_MS) : new AbortController().signal;
    const faultsMax = 'faults' in length ? length.faults : Infinity;
    const recoveryMsMax = 'seconds' in length ? RECOVERY_MS_MAX : SAMPLE_RECOVERY_MS_MAX;
    let sinceCheckpoint = 0;
    while (!ending.aborted) {
      if (await this.#inject(ending, startedAtMs)) sinceCheckpoint += 1;
      if (this.#total >= faultsMax) return true;
      if (sinceCheckpoint >= FAULTS_PER_CHECKPOINT && !ending.aborted) {
        sinceCheckpoint = 0;
        if (!(await checkpoint())) return false;
      }
      if (random.chance(AWAITS_RECOVERY)) await this.#untilRecovered(recoveryMsMax, ending);
      await sleep(random.integer(0, PAUSE_MS_MAX), ending);
    }
    return true;
  }

  async #inject(signal: AbortSignal, startedAtMs: number): Promise<boolean> {
    const { random, nowMs, log } = this.#on;
    const fault = chooseFault(this.#faults, random);
    const atMs = nowMs() - startedAtMs;
    let injected: Injected | null;
    try {
      injected = await fault.inject({ random, signal });
    } catch (error) {
      // Cut short by the end of the run: nobody knows what it has done.
      if (!signal.aborted) throw error;
      injected = { detail: 'cut short by the end of the run', hadEffect: false };
    }
    const hadEffect = injected?.hadEffect ?? false;
    const counts = injected === null ? this.#skipped : hadEffect ? this.#injected : this.#withoutEffect;
    counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    if (injected === null) return false;
    if (hadEffect) this.#total += 1;
    const number = hadEffect ? `#${this.#total}` : '(no effect)';
    log(`${(atMs / 1_000).toFixed(1).padStart(7)} s  ${number} ${fault.name}: ${injected.detail}`);
    return hadEffect;
  }

  /** Or until the bound. */
  async #untilRecovered(msMax: number, signal: AbortSignal): Promise<void> {
    const { system, nowMs, storedRecords } = this.#on;
    const deadlineMs = nowMs() + msMax;
    let before: number | null = null;
    while (!signal.aborted && nowMs() < deadlineMs) {
      if (system.processes.every((one) => one.isSettled)) {
        const stored = await storedRecords();
        if (stored !== null && before !== null && stored > before) return;
        before ??= stored;
      }
      await sleep(RECOVERY_CHECK_MS, signal);
    }
  }
}

function chooseFault(faults: readonly Fault[], random: Random): Fault {
  let draw = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  return faults.find(({ weight }) => (draw -= weight) < 0) ?? random.pick(faults);
}

function selectFaults(faults: readonly Fault[], names: readonly string[] | null): readonly Fault[] {
  if (names === null) return faults;
  const unknown = names.filter((name) => !faults.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    const known = faults.map(({ name }) => name).join(', ');
    throw new Error(`there are no faults ${unknown.join(', ')}; there are: ${known}`);
  }
  return faults.filter(({ name }) => names.includes(name));
}

/** Until the time is over or the signal aborts. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What was checked, how often, and what was found wrong. */

export const INVARIANTS = {
  I1: 'every acknowledged event is in raw or in the dead letters, every rejected one in the dead letters',
  I2: 'every event is in raw once, in its own bucket, as it was first acknowledged; a dead letter is kept once',
  I3: 'every offset of the log is a row, a copy or a dead letter, and the ledger says the same',
  I4: 'the query API answers what the events add up to, from raw and from rollups, which are what raw gives',
  I5: 'committed offsets never go back, nor beyond the end of the log',
  I6: 'an organization sees its own rows and no others',
  I7: 'after the faults everything is stored and rolled up, and questions are answered, within a bound',
  I8: 'who is refused is told 429 or 503 and when to come again; no process outgrows its bound or ends by itself',
  I9: 'what was refused and is sent again is taken',
  I10: 'a closed bucket has everything that came in time, and changes by late events alone',
  I11: 'an answered wait is true',
} as const;
export type Invariant = keyof typeof INVARIANTS;
export const INVARIANT_NAMES = Object.keys(INVARIANTS) as readonly Invariant[];

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
  /** Of the run, ms since its start. */
  readonly atMs: number;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface InvariantLine {
  readonly invariant: Invariant;
  readonly meaning: string;
  readonly checked: number;
  readonly violations: number;
}

/** More are counted and not kept. */
const VIOLATIONS_KEPT_MAX = 1_000;

export class Findings {
  readonly #elapsedMs: () => number;
  readonly #log: (line: string) => void;
  readonly #checked = new Map<Invariant, number>();
  readonly #violated = new Map<Invariant, number>();
  readonly #kept: Violation[] = [];

  /** @param log is told of each violation as it is found, while the processes still show what led to it */
  constructor(elapsedMs: () => number, log: (line: string) => void = () => undefined) {
    this.#elapsedMs = elapsedMs;
    this.#log = log;
  }

  checked(invariant: Invariant, count = 1): void {
    this.#checked.set(invariant, (this.#checked.get(invariant) ?? 0) + count);
  }

  violated(invariant: Invariant, what: string, evidence: Violation['evidence'] = {}): void {
    this.#violated.set(invariant, (this.#violated.get(invariant) ?? 0) + 1);
    if (this.#kept.length >= VIOLATIONS_KEPT_MAX) return;
    const atMs = Math.round(this.#elapsedMs());
    this.#kept.push({ invariant, what, atMs, evidence });
    this.#log(`VIOLATION of ${invariant} after ${(atMs / 1_000).toFixed(1)} s: ${what}`);
  }

  get violations(): readonly Violation[] {
    return this.#kept;
  }

  get violationCount(): number {
    return [...this.#violated.values()].reduce((sum, count) => sum + count, 0);
  }

  lines(): readonly InvariantLine[] {
    return INVARIANT_NAMES.map((invariant) => ({
      invariant,
      meaning: INVARIANTS[invariant],
      checked: this.#checked.get(invariant) ?? 0,
      violations: this.#violated.get(invariant) ?? 0,
    }));
  }
}

/** Many simulations, one after another. */
import { simulate } from './simulate.ts';

/** Every `step`-th seed from `from` on, below `to`. */
export interface SeedRange {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export interface Breach {
  readonly seed: number;
  readonly breach: string;
}

export interface RangeResult {
  readonly seeds: number;
  readonly steps: number;
  readonly slowest: { readonly seed: number; readonly ms: number };
  /** The first `BREACHES_SHOWN_MAX`. */
  readonly breaches: readonly Breach[];
  readonly breachCount: number;
}

const BREACHES_SHOWN_MAX = 20;
const NOTHING: RangeResult = {
  seeds: 0,
  steps: 0,
  slowest: { seed: 0, ms: 0 },
  breaches: [],
  breachCount: 0,
};

export async function simulateRange(
  { from, to, step }: SeedRange,
  nowMs: () => number,
): Promise<RangeResult> {
  let sum = NOTHING;
  for (let seed = from; seed < to; seed += step) {
    const startedAtMs = nowMs();
    const { breach, steps } = await simulate({ seed });
    sum = addResults(sum, {
      seeds: 1,
      steps,
      slowest: { seed, ms: nowMs() - startedAtMs },
      breaches: breach === null ? [] : [{ seed, breach }],
      breachCount: breach === null ? 0 : 1,
    });
  }
  return sum;
}

export function addResults(a: RangeResult, b: RangeResult): RangeResult {
  return {
    seeds: a.seeds + b.seeds,
    steps: a.steps + b.steps,
    slowest: b.slowest.ms > a.slowest.ms ? b.slowest : a.slowest,
    breaches: [...a.breaches, ...b.breaches].slice(0, BREACHES_SHOWN_MAX),
    breachCount: a.breachCount + b.breachCount,
  };
}

/** When something was not as it should be, so that what follows from it is not held against others. */

/** Effects of a disturbance may show a little after its end. */
const AFTERMATH_MS = 2_000;

/** A process, or the way to one. */
export interface Disturbable {
  /** Whether it was away, slow or starting at any time within [fromMs, toMs]. */
  wasDisturbed(fromMs: number, toMs: number): boolean;
}

export class Disturbances implements Disturbable {
  readonly #nowMs: () => number;
  readonly #known: { readonly fromMs: number; toMs: number }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** From now on. @returns ends it; call it once */
  begin(): () => void {
    const disturbance = { fromMs: this.#nowMs(), toMs: Number.POSITIVE_INFINITY };
    this.#known.push(disturbance);
    return () => {
      disturbance.toMs = this.#nowMs() + AFTERMATH_MS;
    };
  }

  wasDisturbed(fromMs: number, toMs: number): boolean {
    return this.#known.some((one) => one.fromMs <= toMs && one.toMs >= fromMs);
  }
}

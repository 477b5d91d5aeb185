/** Time comes in from outside: services pass `systemClock` (runtime), tests a clock they turn by hand (testkit). */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /**
   * Resolves after `ms` milliseconds of this clock, or at once when the signal aborts (it never rejects: the
   * caller looks at its signal).
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

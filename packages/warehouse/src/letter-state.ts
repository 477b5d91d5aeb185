/** The states of a dead letter, and which of two versions of one stands. */
import { assertThat } from '@tidemark/core';

/**
 * Ascending: a letter takes a later state and never an earlier one, in whatever order the states are written. `replaying` is written
 * before its event goes into the log, so a letter whose event may be there is never `open`.
 */
export const DEAD_LETTER_STATES = ['open', 'discarded', 'replaying', 'replayed'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** As what a letter's event went into the log, or was about to. */
export interface LetterReplayed {
  /** Of the first try. */
  readonly sinceMs: number;
  readonly source: string;
  readonly id: string;
}

export interface LetterStanding {
  readonly state: DeadLetterState;
  /** Null until a replay begins. */
  readonly replay: LetterReplayed | null;
}

/** Beyond every instant that a letter can have. */
const VERSIONS_PER_STATE = 2 ** 48;

/**
 * The greatest version stands: that of the latest state, and of two replays the one that began first. A letter that is added again and
 * a discard that comes late so change nothing.
 */
export function letterVersion({ state, replay }: LetterStanding): number {
  const isReplay = state === 'replaying' || state === 'replayed';
  assertThat(
    isReplay === (replay !== null),
    `a letter that is ${state} ${isReplay ? 'has' : 'has no'} replay`,
  );
  const rank = DEAD_LETTER_STATES.indexOf(state);
  if (replay === null) return rank;
  const { sinceMs } = replay;
  assertThat(sinceMs > 0 && sinceMs < VERSIONS_PER_STATE, `a replay began at ${sinceMs}`);
  return (rank + 1) * VERSIONS_PER_STATE - sinceMs;
}

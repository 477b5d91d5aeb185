export interface PhaseContext {
  /** Length of a round of what is measured by the clock. */
  readonly roundMs: number;
  /** Progress, for people. */
  readonly log: (line: string) => void;
}

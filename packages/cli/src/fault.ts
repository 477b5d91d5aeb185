/** Exit codes, the same for all commands: scripts tell what is wrong with the data from what was never told by these. */
export const EXIT_OK = 0;
/** It was asked, and what came of it is wrong: events are missing, refused or unreadable, rollups differ, nothing was compared or replayed. */
export const EXIT_FOUND = 1;
/** The command line, a file named there or the environment is wrong, or the server refuses a value of it. */
export const EXIT_USAGE = 2;
/** No answer, so nothing is known: no connection, a key that may not ask, a server that cannot answer now. */
export const EXIT_UNANSWERED = 3;
/** Stopped by SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** A fault the user can act on: its message is all that is shown. Anything else thrown is a bug and shows its stack. */
export class CliFault extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_UNANSWERED, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliFault';
    this.exitCode = exitCode;
  }
}

export function usageFault(message: string): CliFault {
  return new CliFault(message, EXIT_USAGE);
}

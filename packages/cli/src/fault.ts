/** Exit codes of the command: scripts tell a bad call from a bad outcome by these. */
export const EXIT_OK = 0;
/** It ran, and something was refused, unreadable, unreachable or not there. */
export const EXIT_FAILED = 1;
/** The command line or the environment is wrong; nothing was done. */
export const EXIT_USAGE = 2;
/** Stopped by SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** A fault the user can act on: its message is all that is shown. Anything else thrown is a bug and shows its stack. */
export class CliFault extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILED, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliFault';
    this.exitCode = exitCode;
  }
}

export function usageFault(message: string): CliFault {
  return new CliFault(message, EXIT_USAGE);
}

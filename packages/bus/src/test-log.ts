import type { BusLog } from './port.ts';

/** For tests that look at effects, not at logs. */
export const silentLog: BusLog = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

import type { BusLog } from '@tidemark/bus';

/** Brokers that come and go are what is done here on purpose: whatever is wrong with them shows in the checks. */
export const quietLog: BusLog = { info() {}, warn() {}, error() {} };

/** `?wait=stored|visible&timeout=<seconds>`, and nothing else: a misspelt `wait` would be a promise that is not kept. */
import { WAIT_LEVELS, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX, type WaitLevel } from '@tidemark/contracts';
import { AppError, SECOND_MS, type Fault } from '@tidemark/core';

export interface WaitRequest {
  readonly level: WaitLevel;
  readonly timeoutMs: number;
}

/** Null when nothing is to be waited for. @throws invalid-request with every fault */
export function parseWaitRequest(query: unknown): WaitRequest | null {
  const { wait, timeout } = query as Readonly<Record<string, unknown>>;
  const level = WAIT_LEVELS.find((name) => name === wait);
  const seconds = timeout === undefined ? WAIT_SECONDS_DEFAULT : parseSeconds(timeout);
  const faults: Fault[] = Object.keys(query as object)
    .filter((name) => name !== 'wait' && name !== 'timeout')
    .map((name) => fault(name, 'is not known; there are wait and timeout'));
  if (wait !== undefined && level === undefined) {
    faults.push(fault('wait', `must be one of ${WAIT_LEVELS.join(', ')}`));
  }
  if (seconds === null)
    faults.push(fault('timeout', `must be a whole number of seconds, 1 to ${WAIT_SECONDS_MAX}`));
  else if (timeout !== undefined && wait === undefined)
    faults.push(fault('timeout', 'means nothing without wait'));
  const [first] = faults;
  if (first !== undefined) {
    throw new AppError('invalid-request', `query${first.pointer} ${first.detail}`, { faults });
  }
  return level === undefined || seconds === null ? null : { level, timeoutMs: seconds * SECOND_MS };
}

function parseSeconds(text: unknown): number | null {
  if (typeof text !== 'string' || !/^[1-9]\d?$/.test(text)) return null;
  const seconds = Number(text);
  return seconds <= WAIT_SECONDS_MAX ? seconds : null;
}

function fault(parameter: string, detail: string): Fault {
  return { code: 'invalid-request', pointer: `/${parameter}`, detail };
}

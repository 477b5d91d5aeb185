/** What a refusal of the warehouse means to the asker: which limit, and what to change. */
import { AppError, SECOND_MS } from '@tidemark/core';
import type { StatementLimits } from './limits.ts';

const SMALLER = 'ask for a shorter range, more filters, fewer groups or a coarser granularity';

/** By the engine's code (`CLICKHOUSE_CODES` of the warehouse). */
const REASONS: Readonly<Record<string, (limits: StatementLimits) => string>> = {
  '158': ({ rowsReadMax }) => `read more than ${whole(rowsReadMax)} rows`,
  '307': ({ rowsReadMax }) => `read more than ${whole(rowsReadMax)} rows`,
  '241': ({ memoryBytesMax }) => `need more than ${Math.round(memoryBytesMax / 2 ** 20)} MiB of memory`,
  '396': ({ resultRowsMax }) => `answer with more than ${whole(resultRowsMax)} rows`,
};

/** The error to throw in place of one from the warehouse; what is not about cost passes as it is. */
export function explained(error: unknown, limits: StatementLimits): unknown {
  if (!(error instanceof AppError)) return error;
  if (error.code === 'query-timeout') {
    const detail = `The question took longer than ${limits.timeoutMs / SECOND_MS} s: ${SMALLER}`;
    return new AppError('query-timeout', detail, { cause: error });
  }
  if (error.code !== 'query-too-expensive') return error;
  const reason = REASONS[engineCodeOf(error.cause)];
  if (reason === undefined) return error;
  const detail = `A statement of the question would ${reason(limits)}: ${SMALLER}`;
  return new AppError('query-too-expensive', detail, { cause: error });
}

function engineCodeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}

import { types } from 'node:util';
import { ClickHouseError } from '@clickhouse/client';
import { AppError, type ErrorCode } from '@tidemark/core';

/** What was asked decides what an answer means: a broken connection costs a query nothing and leaves an insert in doubt. */
export type StatementKind = 'query' | 'insert';

/**
 * What an exception of the engine means. `bug`: the statement itself is wrong; it surfaces as a plain Error that carries the
 * engine's code, for no retry and no other data would help.
 */
export type Meaning = 'bug' | ErrorCode;

interface CodeMeaning {
  /** The engine's own name of the code (`errorCodeToName(code)`; a test compares). */
  readonly name: string;
  readonly query: Meaning;
  readonly insert: Meaning;
}

const dataFault = (name: string): CodeMeaning => ({ name, query: 'bug', insert: 'insert-refused' });
const tooExpensive = (name: string, insert: Meaning = 'insert-in-doubt'): CodeMeaning => ({
  name,
  query: 'query-too-expensive',
  insert,
});
const unavailable = (name: string, insert: Meaning = 'warehouse-unavailable'): CodeMeaning => ({
  name,
  query: 'warehouse-unavailable',
  insert,
});

/**
 * The exceptions we expect, by code (`src/Common/ErrorCodes.cpp` of ClickHouse). An insert is one block and one part, so
 * what fails before the part is renamed into place stores nothing: parsing and converting, reserving space, the checks of
 * the number of parts, and memory. Whatever can also strike after that, and whatever is not listed, leaves it in doubt.
 */
export const CLICKHOUSE_CODES: ReadonlyMap<number, CodeMeaning> = new Map<number, CodeMeaning>([
  // The rows: parsed or converted before anything is written, and just as wrong the next time
  [6, dataFault('CANNOT_PARSE_TEXT')],
  [25, dataFault('CANNOT_PARSE_ESCAPE_SEQUENCE')],
  [26, dataFault('CANNOT_PARSE_QUOTED_STRING')],
  [27, dataFault('CANNOT_PARSE_INPUT_ASSERTION_FAILED')],
  [32, dataFault('ATTEMPT_TO_READ_AFTER_EOF')],
  [33, dataFault('CANNOT_READ_ALL_DATA')],
  [38, dataFault('CANNOT_PARSE_DATE')],
  [41, dataFault('CANNOT_PARSE_DATETIME')],
  [53, dataFault('TYPE_MISMATCH')],
  [69, dataFault('ARGUMENT_OUT_OF_BOUND')],
  [70, dataFault('CANNOT_CONVERT_TYPE')],
  [72, dataFault('CANNOT_PARSE_NUMBER')],
  [117, dataFault('INCORRECT_DATA')],
  [128, dataFault('TOO_LARGE_ARRAY_SIZE')],
  [130, dataFault('CANNOT_READ_ARRAY_FROM_TEXT')],
  [131, dataFault('TOO_LARGE_STRING_SIZE')],
  [306, dataFault('TOO_DEEP_RECURSION')],
  [321, dataFault('VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE')],
  [349, dataFault('CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN')],
  [376, dataFault('CANNOT_PARSE_UUID')],
  [407, dataFault('DECIMAL_OVERFLOW')],
  [441, dataFault('CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING')],
  [467, dataFault('CANNOT_PARSE_BOOL')],
  [469, dataFault('VIOLATED_CONSTRAINT')],
  [691, dataFault('UNKNOWN_ELEMENT_OF_ENUM')],

  // The table is not there (yet, or during a restore): nobody's rows are at fault, so none may be dead-lettered
  [60, { name: 'UNKNOWN_TABLE', query: 'bug', insert: 'warehouse-unavailable' }],
  [81, { name: 'UNKNOWN_DATABASE', query: 'bug', insert: 'warehouse-unavailable' }],
  [218, unavailable('TABLE_IS_DROPPED')],

  // The statement is wrong: found before the first row is read
  [16, { name: 'NO_SUCH_COLUMN_IN_TABLE', query: 'bug', insert: 'bug' }],
  [47, { name: 'UNKNOWN_IDENTIFIER', query: 'bug', insert: 'bug' }],
  [62, { name: 'SYNTAX_ERROR', query: 'bug', insert: 'bug' }],
  [73, { name: 'UNKNOWN_FORMAT', query: 'bug', insert: 'bug' }],
  [115, { name: 'UNKNOWN_SETTING', query: 'bug', insert: 'bug' }],

  // Time. An insert that ran out of it may have just committed.
  [159, { name: 'TIMEOUT_EXCEEDED', query: 'query-timeout', insert: 'insert-in-doubt' }],
  [160, { name: 'TOO_SLOW', query: 'query-timeout', insert: 'insert-in-doubt' }],
  [209, unavailable('SOCKET_TIMEOUT', 'insert-in-doubt')],
  [394, { name: 'QUERY_WAS_CANCELLED', query: 'query-timeout', insert: 'insert-in-doubt' }],

  // The cost of one statement
  [158, tooExpensive('TOO_MANY_ROWS')],
  [162, tooExpensive('TOO_DEEP_SUBQUERIES')],
  [167, tooExpensive('TOO_DEEP_AST')],
  [168, tooExpensive('TOO_BIG_AST')],
  [191, tooExpensive('SET_SIZE_LIMIT_EXCEEDED')],
  [241, tooExpensive('MEMORY_LIMIT_EXCEEDED', 'warehouse-unavailable')],
  [290, tooExpensive('LIMIT_EXCEEDED')],
  [307, tooExpensive('TOO_MANY_BYTES')],
  [396, tooExpensive('TOO_MANY_ROWS_OR_BYTES')],

  // The server cannot take it now, and says so before it starts
  [164, { name: 'READONLY', query: 'bug', insert: 'warehouse-unavailable' }],
  [192, unavailable('UNKNOWN_USER')],
  [193, unavailable('WRONG_PASSWORD')],
  [201, unavailable('QUOTA_EXCEEDED')],
  [202, unavailable('TOO_MANY_SIMULTANEOUS_QUERIES')],
  [203, unavailable('NO_FREE_CONNECTION')],
  [242, unavailable('TABLE_IS_READ_ONLY')],
  [243, unavailable('NOT_ENOUGH_SPACE')],
  [252, unavailable('TOO_MANY_PARTS')],
  [497, { name: 'ACCESS_DENIED', query: 'bug', insert: 'warehouse-unavailable' }],
  [516, unavailable('AUTHENTICATION_FAILED')],
  [517, unavailable('CANNOT_ASSIGN_ALTER')],

  // The server or its network broke on the way
  [74, unavailable('CANNOT_READ_FROM_FILE_DESCRIPTOR', 'insert-in-doubt')],
  [75, unavailable('CANNOT_WRITE_TO_FILE_DESCRIPTOR', 'insert-in-doubt')],
  // Too many open files, for one
  [76, unavailable('CANNOT_OPEN_FILE', 'insert-in-doubt')],
  [173, unavailable('CANNOT_ALLOCATE_MEMORY', 'insert-in-doubt')],
  [210, unavailable('NETWORK_ERROR', 'insert-in-doubt')],
  [236, unavailable('ABORTED', 'insert-in-doubt')],
  [279, unavailable('ALL_CONNECTION_TRIES_FAILED', 'insert-in-doubt')],
  [319, unavailable('UNKNOWN_STATUS_OF_INSERT', 'insert-in-doubt')],
  [999, unavailable('KEEPER_EXCEPTION', 'insert-in-doubt')],

  // A statement of the same id still runs: for an insert that is the first attempt at the same rows
  [216, unavailable('QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING', 'insert-in-doubt')],
]);

/** Codes that cover two different faults; the words of the exception tell them apart. First match wins. */
const CODES_READ_BY_MESSAGE: readonly { code: number; pattern: RegExp; query: Meaning; insert: Meaning }[] = [
  // A property of the rows, not of the load: the same block is refused for ever
  { code: 252, pattern: /too many partitions/i, query: 'bug', insert: 'insert-refused' },
  // The whole server is short of memory, which is not the fault of this question
  {
    code: 241,
    pattern: /\(total\)|\btotal memory limit|user memory limit/i,
    query: 'warehouse-unavailable',
    insert: 'warehouse-unavailable',
  },
  // The engine wraps what it finds while it reads a body; out of space in a merge or a write
  { code: 1001, pattern: /no space left/i, query: 'warehouse-unavailable', insert: 'insert-in-doubt' },
];

export function meaningOf(kind: StatementKind, code: number, message: string): Meaning {
  const worded = CODES_READ_BY_MESSAGE.find((entry) => entry.code === code && entry.pattern.test(message));
  const meaning = worded ?? CLICKHOUSE_CODES.get(code);
  if (meaning !== undefined) return meaning[kind];
  return kind === 'insert' ? 'insert-in-doubt' : 'bug';
}

/** The engine's exception code, or null when the error did not come from the engine. */
function engineCodeOf(error: unknown): number | null {
  if (!(error instanceof ClickHouseError)) return null;
  const code = Number(error.code);
  return Number.isInteger(code) ? code : null;
}

/** System calls that fail only before the first byte of a request is sent. */
const CALLS_BEFORE_SENDING: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

/** Node's own errors may come of another realm (a VM context), where `instanceof` does not know them. */
function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

function wasNeverConnected(error: Error): boolean {
  // One attempt for each address of the host
  if ('errors' in error && Array.isArray(error.errors)) {
    return error.errors.every((each: unknown) => isError(each) && wasNeverConnected(each));
  }
  return 'syscall' in error && typeof error.syscall === 'string' && CALLS_BEFORE_SENDING.has(error.syscall);
}

/** Programming faults of this process, which no retry mends. */
const BUG_NAMES: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'ReferenceError']);

const MESSAGE_LENGTH_MAX = 1_000;

/**
 * Turns what a client threw into what the port promises. AppErrors pass.
 * @returns an AppError, or a plain Error for a bug (its message begins with the engine's code)
 */
export function toWarehouseError(kind: StatementKind, error: unknown): Error {
  if (error instanceof AppError) return error;
  if (!isError(error)) return new Error(`The warehouse client threw ${typeof error}`, { cause: error });
  const message = error.message.slice(0, MESSAGE_LENGTH_MAX);
  const code = engineCodeOf(error);
  if (code !== null) {
    const meaning = meaningOf(kind, code, error.message);
    const text = `Code ${code} (${error instanceof ClickHouseError ? (error.type ?? '') : ''}): ${message}`;
    return meaning === 'bug'
      ? new Error(text, { cause: error })
      : new AppError(meaning, text, { cause: error });
  }
  if (BUG_NAMES.has(error.name)) return error;
  if (kind === 'insert' && !wasNeverConnected(error)) {
    return new AppError('insert-in-doubt', `The insert broke off: ${message}`, { cause: error });
  }
  return new AppError('warehouse-unavailable', `The warehouse did not answer: ${message}`, { cause: error });
}

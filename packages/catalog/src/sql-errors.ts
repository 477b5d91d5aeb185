import { AppError } from '@tidemark/core';

/**
 * SQLSTATE classes and codes that say "not now" rather than "not like this" (PostgreSQL documentation, appendix A). All
 * others are bugs of ours and pass through unchanged.
 */
const TRANSIENT_SQL_STATES: readonly string[] = [
  '08', // connection exception, the pooler's included
  '25006', // read-only transaction: we reached a standby
  '28', // authorisation: the password is being rotated, or is wrong
  '3D000', // the database does not exist (yet)
  '40', // serialization failure, deadlock
  '53', // too many connections, out of memory, disk full
  '55P03', // lock time-out
  '57', // cancelled by a time-out, shutting down, starting up
  '58', // I/O error of the server
];

/** The five-character SQLSTATE when the error is an answer of the server; null when it came from the driver or elsewhere. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return null;
  const { code } = error;
  return typeof code === 'string' && code.length === 5 ? code : null;
}

export function isTransientSqlState(sqlState: string): boolean {
  return TRANSIENT_SQL_STATES.some((prefix) => sqlState.startsWith(prefix));
}

/** The one way a store that cannot answer is reported. */
export function toCatalogUnavailable(error: unknown): AppError {
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError('catalog-unavailable', `The catalog did not answer: ${reason}`, { cause: error });
}

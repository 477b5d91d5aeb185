import { type AppError, isAppError } from '@tidemark/core';
import { busUnavailable } from '../bus-errors.ts';

const CAUSES_MAX = 8;

/** Answers of the coordinator that mean: you are not (or not in this generation) a member. */
const FENCED_TYPES = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);

/** Whether the broker answered with the error, looking through what kafkajs wraps around it. */
export function hasProtocolType(error: unknown, isWanted: (type: string) => boolean): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof current === 'object' && current !== null; depth++) {
    if ('type' in current && typeof current.type === 'string' && isWanted(current.type)) return true;
    if ('errors' in current && Array.isArray(current.errors)) {
      return current.errors.some((inner) => hasProtocolType(inner, isWanted));
    }
    current = 'cause' in current ? current.cause : null;
  }
  return false;
}

export function isUnknownTopic(error: unknown): boolean {
  return hasProtocolType(error, (type) => type === 'UNKNOWN_TOPIC_OR_PARTITION');
}

export function isFenced(error: unknown): boolean {
  return hasProtocolType(error, (type) => FENCED_TYPES.has(type));
}

/** Answers of a cluster in motion: a leader or coordinator is being elected, or our metadata is older than the last election. */
const PASSING_TYPES = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

export function isPassing(error: unknown): boolean {
  return hasProtocolType(error, (type) => PASSING_TYPES.has(type));
}

/** Everything that is not an answer of the adapter's own becomes `bus-unavailable`. */
export function toBusFault(what: string, error: unknown): AppError {
  if (isAppError(error)) return error;
  return busUnavailable(`${what} failed: ${error instanceof Error ? error.message : String(error)}`, error);
}

import { AppError } from '@tidemark/core';

/** The bus did not take or answer in time; worth a retry. */
export function busUnavailable(message: string, cause?: unknown): AppError {
  return new AppError('bus-unavailable', message, {
    retryAfterSeconds: 1,
    ...(cause !== undefined && { cause }),
  });
}

/** The spell of ownership is over; whoever holds it ends its loop. */
export function partitionLost(topic: string, partition: number, cause?: unknown): AppError {
  const message = `partition ${partition} of topic "${topic}" is no longer owned by this consumer`;
  return new AppError('partition-lost', message, cause === undefined ? {} : { cause });
}

export function topicNotFound(topic: string, cause?: unknown): AppError {
  const message = `there is no topic "${topic}"; ensureTopics creates it`;
  return new AppError('not-found', message, cause === undefined ? {} : { cause });
}

export function partitionCountConflict(topic: string, found: number, wanted: number): AppError {
  return new AppError(
    'conflict',
    `topic "${topic}" has ${found} partitions where ${wanted} are asked for; the number never changes, because copies of an event meet by the hash of their key`,
  );
}

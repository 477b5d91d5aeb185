import { assertThat } from '@tidemark/core';

/** A `bigint` column as both executors give it. */
export type BigintText = string;

/** For columns whose values we know to be instants or offsets. Throws on a bug: a value a double cannot hold. */
export function toSafeInteger(text: BigintText): number {
  const value = Number(text);
  assertThat(Number.isSafeInteger(value), `${text} is an instant or an offset within 2^53`);
  return value;
}

export function toSafeIntegerOrNull(text: BigintText | null): number | null {
  return text === null ? null : toSafeInteger(text);
}

import type { ErrorCode } from '@tidemark/core';

/** Takes note of a fault of a question; `invalid-query` unless another code is given. */
export type Report = (pointer: string, detail: string, code?: ErrorCode) => void;

/** The value as it came; reported when it is none of them. */
export function oneOf<const T extends string>(
  values: readonly T[],
  value: T,
  pointer: string,
  report: Report,
): T {
  if (!values.includes(value)) report(pointer, `${quote(value)} is none of ${values.join(', ')}`);
  return value;
}

/** For messages: long texts are cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

/** RFC 9457, the one form of every refusal of a whole request. */
import { ERROR_CODES, type ErrorCode, type Fault } from '@tidemark/core';
import Type, { type Static } from 'typebox';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export const FaultSchema = Type.Object(
  {
    code: Type.String({ description: 'What programs act on' }),
    pointer: Type.String({ description: 'RFC 6901 pointer to the faulty part of the request' }),
    detail: Type.String(),
  },
  { title: 'Fault' },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri-reference', description: 'Stable for each kind of problem' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String(),
    instance: Type.Optional(Type.String({ description: 'The id of the request, as in the logs' })),
    code: Type.String({ description: 'What programs act on' }),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later' }),
    errors: Type.Optional(Type.Array(FaultSchema)),
  },
  { title: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof ProblemSchema>;

/** @param instance the id of the request */
export function toProblem(
  code: ErrorCode,
  detail: string,
  options: { readonly instance?: string; readonly faults?: readonly Fault[] } = {},
): Problem {
  const { title, status, retryable } = ERROR_CODES[code];
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    ...(options.instance === undefined ? {} : { instance: `urn:request:${options.instance}` }),
    code,
    retryable,
    ...(options.faults === undefined || options.faults.length === 0 ? {} : { errors: [...options.faults] }),
  };
}

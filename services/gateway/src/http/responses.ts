import { ProblemSchema } from '@tidemark/contracts';

/** The problem+json answers a route may give, for the OpenAPI document and for serialisation. */
export function problemResponses<const S extends number>(
  ...statuses: readonly S[]
): Record<S, typeof ProblemSchema> {
  return Object.fromEntries(statuses.map((status) => [status, ProblemSchema])) as Record<
    S,
    typeof ProblemSchema
  >;
}

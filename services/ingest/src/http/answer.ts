import { PROBLEM_MEDIA_TYPE, toProblem, type EventReject, type ParsedEvents } from '@tidemark/contracts';
import { ERROR_CODES, type ErrorCode } from '@tidemark/core';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * 202 with the outcome of each event. When events were sent and none was accepted, a problem with the same members: 413 when
 * each of them is too large, else 400 (`invalid-event`, or the one code they share).
 */
export function answerOutcome(
  parsed: ParsedEvents,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { received, rejects } = parsed;
  const accepted = parsed.events.length;
  if (accepted > 0 || received === 0)
    return reply.status(202).send({ received, accepted, rejected: rejects });
  const [first] = rejects;
  const detail = received === 1 ? (first?.detail ?? '') : `none of the ${received} events was accepted`;
  const faults = received === 1 ? (first?.faults ?? []) : [];
  const problem = toProblem(sharedCode(rejects), detail, { instance: request.id, faults });
  void reply.status(problem.status).header('cache-control', 'no-store').type(PROBLEM_MEDIA_TYPE);
  return reply.send(JSON.stringify({ ...problem, received, accepted: 0, rejected: rejects }));
}

/** Events are refused with 400 or 413; the status is theirs only if all agree. */
function sharedCode(rejects: readonly EventReject[]): ErrorCode {
  const [first] = rejects;
  if (first === undefined || rejects.some(({ code }) => code !== first.code)) return 'invalid-event';
  return ERROR_CODES[first.code].status === 413 ? 'event-too-large' : first.code;
}

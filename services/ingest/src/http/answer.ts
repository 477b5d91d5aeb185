import {
  deadLetterId,
  PROBLEM_MEDIA_TYPE,
  toProblem,
  type EventReject,
  type IngestReached,
} from '@tidemark/contracts';
import { ERROR_CODES, type ErrorCode } from '@tidemark/core';
import type { Coordinate } from '@tidemark/bus';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PublishedEvent, TakenEvents } from '../app/intake.ts';
import type { WaitRequest } from './wait-request.ts';

/**
 * 202 with the outcome of each event. When events were sent and none was accepted, a problem with the same members: 413 when
 * each of them is too large, else 400 (`invalid-event`, or the one code they share).
 *
 * @param unreached what was waited for in vain
 */
export function answerOutcome(
  taken: TakenEvents,
  unreached: WaitRequest | null,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { received, accepted, rejects } = taken;
  if (accepted > 0 || received === 0) {
    const wait = unreached === null ? {} : { wait: { level: unreached.level, reached: false } };
    return reply.status(202).send({ received, accepted, rejected: rejects, ...wait });
  }
  const [first] = rejects;
  const detail = received === 1 ? (first?.detail ?? '') : `none of the ${received} events was accepted`;
  const faults = received === 1 ? (first?.faults ?? []) : [];
  const problem = toProblem(sharedCode(rejects), detail, { instance: request.id, faults });
  void reply.status(problem.status).header('cache-control', 'no-store').type(PROBLEM_MEDIA_TYPE);
  return reply.send(JSON.stringify({ ...problem, received, accepted: 0, rejected: rejects }));
}

/** 200: what was accepted has got as far as was asked for. A dead letter is not stored, so each is named. */
export function answerReached(
  taken: TakenEvents,
  { level }: WaitRequest,
  published: readonly PublishedEvent[],
  dead: readonly Coordinate[],
  reply: FastifyReply,
): FastifyReply {
  const { received, accepted, rejects } = taken;
  const ids = new Set(dead.map(deadLetterId));
  const deadEvents = published
    .map(({ index, id, coordinate }) => ({ index, id, deadLetter: deadLetterId(coordinate) }))
    .filter(({ deadLetter }) => ids.has(deadLetter));
  const wait: IngestReached['wait'] = {
    level,
    reached: true,
    deadLetters: deadEvents.length,
    dead: deadEvents,
  };
  return reply.status(200).send({ received, accepted, rejected: rejects, wait });
}

/** Events are refused with 400 or 413; the status is theirs only if all agree. */
function sharedCode(rejects: readonly EventReject[]): ErrorCode {
  const [first] = rejects;
  if (first === undefined || rejects.some(({ code }) => code !== first.code)) return 'invalid-event';
  return ERROR_CODES[first.code].status === 413 ? 'event-too-large' : first.code;
}

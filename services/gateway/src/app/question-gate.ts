import { AppError } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';

/** Questions of one organization that wait for their turn; more are refused. */
const WAITING_MAX = 200;
const RETRY_AFTER_SECONDS = 1;

export interface QuestionGate {
  /**
   * Runs the work when the organization has fewer than the permitted questions under way, else after some of them, in order.
   * @throws overloaded when too many wait already; the signal's reason when it aborts before the work begins; whatever the work
   * throws
   */
  pass<T>(organization: OrganizationId, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

interface Lane {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Keeps one organization's questions from taking the whole warehouse: from the other organizations, and from the pipeline that
 * stores events.
 * @param atOnceMaxOf questions of the organization under way at the same time
 */
export function createQuestionGate(
  atOnceMaxOf: (organization: OrganizationId) => number | Promise<number>,
): QuestionGate {
  const lanes = new Map<OrganizationId, Lane>();

  async function enter(organization: OrganizationId, signal?: AbortSignal): Promise<void> {
    const atOnceMax = await atOnceMaxOf(organization);
    signal?.throwIfAborted();
    const lane = lanes.get(organization) ?? { running: 0, waiting: [] };
    lanes.set(organization, lane);
    if (lane.running < atOnceMax) {
      lane.running += 1;
      return;
    }
    if (lane.waiting.length >= WAITING_MAX) {
      throw new AppError('overloaded', `${WAITING_MAX} questions of the organization wait already`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    await new Promise<void>((resolve, reject) => {
      const proceed = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        lane.waiting.splice(lane.waiting.indexOf(proceed), 1);
        reject(signal?.reason as Error);
      };
      lane.waiting.push(proceed);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Hands the place to whoever waits longest. */
  function leave(organization: OrganizationId): void {
    const lane = lanes.get(organization);
    if (lane === undefined) return;
    const next = lane.waiting.shift();
    if (next !== undefined) return next();
    lane.running -= 1;
    if (lane.running === 0) lanes.delete(organization);
  }

  return {
    async pass(organization, work, signal) {
      await enter(organization, signal);
      try {
        return await work();
      } finally {
        leave(organization);
      }
    },
  };
}

/** What an organization has before the attack: known events, every text of which holds its canary. */
import { HOUR_MS } from '@tidemark/core';
import type { JsonCalls, JsonObject } from './json-calls.ts';

const BATCH_EVENTS = 500;
/** Every so many events one of another kind. */
const LLM_EVERY = 4;
const TICKET_EVERY = 10;
const REFUSED = 5;
/** Ends an hour before now: a closed range, whose answers do not change. */
const SPAN_MS = 24 * HOUR_MS;

export interface TenantSeed {
  /** Acknowledged as accepted. */
  readonly accepted: number;
  /** Of the kind `http.request`, all within the range. */
  readonly requests: number;
  readonly from: string;
  readonly to: string;
}

/** Resolves when all of it is in the answers. @throws Error when an event is refused that should not be */
export async function seedTenant(
  calls: JsonCalls,
  { key, canary, events, nowMs }: { key: string; canary: string; events: number; nowMs: number },
): Promise<TenantSeed> {
  const toMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS - HOUR_MS;
  const fromMs = toMs - SPAN_MS;
  const made = Array.from({ length: events }, (_, index) =>
    seededEvent(index, canary, fromMs + ((index * 7_919) % (SPAN_MS / 1_000)) * 1_000),
  );
  for (let at = 0; at < made.length; at += BATCH_EVENTS) {
    const batch = made.slice(at, at + BATCH_EVENTS);
    const answer = await calls.send('POST', '/api/v1/events?wait=visible&timeout=60', key, batch);
    if (answer['accepted'] !== batch.length || !isReached(answer))
      throw new Error(`the seed was not taken: ${JSON.stringify(answer).slice(0, 500)}`);
  }
  // Beside one that is good they are refused one by one, and kept as dead letters.
  const refused = Array.from({ length: REFUSED }, (_, index) => ({
    ...seededEvent(events + 1 + index, canary, fromMs),
    time: `never ${canary}`,
  }));
  const mixed = [seededEvent(events, canary, fromMs - HOUR_MS), ...refused];
  const answer = await calls.send('POST', '/api/v1/events?wait=visible&timeout=60', key, mixed);
  if (answer['accepted'] !== 1)
    throw new Error(`one event was to be taken: ${JSON.stringify(answer).slice(0, 500)}`);
  const requests = made.filter(({ type }) => type === 'http.request').length;
  return {
    accepted: made.length + 1,
    requests,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
  };
}

function isReached({ wait }: JsonObject): boolean {
  return typeof wait === 'object' && wait !== null && 'reached' in wait && wait.reached === true;
}

function seededEvent(index: number, canary: string, timeMs: number) {
  const common = {
    specversion: '1.0',
    id: `seed-${index}-${canary}`,
    source: `/seed/${canary}`,
    subject: `subject-${canary}-${index % 20}`,
    time: new Date(timeMs).toISOString(),
  };
  const user = `user-${canary}-${index % 50}`;
  if (index % TICKET_EVERY === 0)
    return {
      ...common,
      type: 'ticket.created',
      data: {
        ticket: `ticket-${canary}-${index}`,
        priority: 'high',
        status: 'open',
        channel: canary,
        requester: user,
      },
    };
  if (index % LLM_EVERY === 0)
    return {
      ...common,
      type: 'llm.request',
      data: {
        service: canary,
        model: `model-${canary}`,
        user,
        prompt_tokens: index,
        cost: '0.001',
        latency_ms: 5,
      },
    };
  return {
    ...common,
    type: 'http.request',
    data: { service: canary, user, path: `/${canary}`, method: 'GET', status: 200, duration_ms: index % 300 },
  };
}

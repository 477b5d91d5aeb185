/**
 * What is sent, as a pure function of the seed: a request can be made again at any time, byte for byte, to send it again or to
 * know what must be stored.
 */
import { contentOfRow } from './content.ts';
import { type EventFacts, makeEvent } from './planned-event.ts';
import { createRandom } from './random.ts';
import { BATCH_SERIALS, organizationOf } from './slots.ts';

const BATCH_EVENTS_MIN = 20;
const BATCH_EVENTS_MAX = 60;

export const REQUEST_KINDS = [
  /** New events. */
  'fresh',
  /** Some events of an earlier batch once more, in another order. */
  'again',
  /** Their ids and sources with another payload and time: not stored. */
  'other-payload',
  /** Their ids and sources under another organization: other events. */
  'other-organization',
] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** All that is needed to make a request again. */
export interface RequestPlan {
  readonly batch: number;
  readonly kind: RequestKind;
  /** The present of the batch, ms: the same for every request of it. */
  readonly baseMs: number;
}

export interface PlannedEvent extends EventFacts {
  /** Of what raw is to hold: see `contentOfRow`. */
  readonly content: number;
}

export interface PlannedRequest extends RequestPlan {
  /** Index into `ORGANIZATION_NAMES`. */
  readonly organization: number;
  readonly events: readonly PlannedEvent[];
  /** The JSON text of each event. */
  readonly items: readonly string[];
}

export function planRequest(seed: number, plan: RequestPlan): PlannedRequest {
  const { batch, kind, baseMs } = plan;
  const isTwin = kind === 'other-organization';
  const organization = organizationOf(batch, isTwin);
  const random = createRandom(seed, batch);
  const count = random.integer(BATCH_EVENTS_MIN, BATCH_EVENTS_MAX);
  const made = Array.from({ length: count }, (_, index) => {
    const serial = batch * BATCH_SERIALS + index;
    return makeEvent(random, { serial, isTwin, organization, baseMs, isOther: kind === 'other-payload' });
  });
  const chosen = kind === 'again' ? made.filter((_, index) => index % 2 === 1).toReversed() : made;
  return {
    ...plan,
    organization,
    events: chosen.map(({ facts, said }) => ({ ...facts, content: contentOfRow(said) })),
    items: chosen.map(({ event }) => JSON.stringify(event)),
  };
}

import type { DecodedEvent } from '@tidemark/contracts';
import { hash32 } from './identity.ts';

const SEED_HIGH = 0x3c6ef372;
const SEED_LOW = 0x510e527f;
/** 21 bits of the second hash: together with 32 of the first as many as a number holds exactly. */
const LOW_BITS = 21;

/**
 * A 53-bit name of what an event says beyond its identity, never 0. Pure and stable for ever: it is stored in raw. Two events with one
 * identity and different names are a conflict: the first is kept.
 *
 * The time is left out: a sender who gives none gets the time of receipt, another one with each attempt.
 */
export function contentOf(event: DecodedEvent): number {
  const said = [event.type, event.subject ?? '', event.dataText];
  for (const name of Object.keys(event.extensions).sort()) said.push(name, event.extensions[name] ?? '');
  let high = SEED_HIGH;
  let low = SEED_LOW;
  for (const text of said) {
    high = hash32(high, text);
    low = hash32(low, text);
  }
  return high * 2 ** LOW_BITS + (low >>> (32 - LOW_BITS)) || 1;
}

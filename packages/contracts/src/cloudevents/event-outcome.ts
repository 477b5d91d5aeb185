import { ERROR_CODES, type ErrorCode, type Fault, type OrganizationId } from '@tidemark/core';
import type { DecodedEvent } from '../event-record.ts';
import type { EventLimits } from '../limits.ts';

/** Why one event was not accepted. The first fault stands out; all of them are in `faults`. */
export interface EventReject {
  /** Position in the request, from 0. Of NDJSON, among the lines that are not blank. */
  readonly index: number;
  /** As sent; null when the event has no usable id. */
  readonly id: string | null;
  readonly code: ErrorCode;
  readonly detail: string;
  /** RFC 6901, within the event. */
  readonly pointer: string;
  readonly retryable: boolean;
  readonly faults: readonly Fault[];
}

export type EventOutcome =
  | { readonly ok: true; readonly event: DecodedEvent }
  | { readonly ok: false; readonly reject: EventReject };

/** A reject and what was refused. Only the reject is fit to be answered. */
export interface RejectedItem {
  readonly reject: EventReject;
  /** The bytes of the item within the body; of binary mode, its attributes and data in the JSON event format. */
  readonly sent: Buffer;
}

/** What the request brings to each of its events. */
export interface EventContext {
  /** From the credential. */
  readonly organization: OrganizationId;
  readonly receivedAtMs: number;
  readonly limits: EventLimits;
}

const ID_LENGTH_MAX = 256;

export function toReject(index: number, id: unknown, faults: readonly [Fault, ...Fault[]]): EventReject {
  const [{ code, detail, pointer }] = faults;
  return {
    index,
    id: typeof id === 'string' ? id.slice(0, ID_LENGTH_MAX) : null,
    code,
    detail,
    pointer,
    retryable: ERROR_CODES[code].retryable,
    faults,
  };
}

export function rejected(
  index: number,
  id: unknown,
  code: ErrorCode,
  pointer: string,
  detail: string,
): EventOutcome {
  return { ok: false, reject: toReject(index, id, [{ code, pointer, detail }]) };
}

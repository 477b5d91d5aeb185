import type { OrganizationId } from './ids.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * An accepted event: a CloudEvent 1.0 whose every attribute has passed the parser of `@tidemark/contracts`. Its identity is
 * (organization, source, id).
 */
export interface TidemarkEvent {
  readonly organization: OrganizationId;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  /** Event time, ms since the epoch with a fraction down to microseconds kept in `timeText`. */
  readonly timeMs: number;
  /** RFC 3339 UTC with at most nine decimals, as sent (normalised to `Z`); the time of receipt when none was sent. */
  readonly timeText: string;
  /** Extension attributes: lower-case letters and digits. */
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
  /** The payload; `{}` when the event has none. Anything but an object is kept under the key `value`. */
  readonly data: JsonObject;
}

/** The context attributes of CloudEvents 1.0 (section 3), whichever way they travelled. */
import type { Fault } from '@tidemark/core';
import { EVENT_TIME_END_MS, EVENT_TIME_MIN_MS, type EventLimits } from '../limits.ts';
import { isAttributeText, quoteForMessage } from '../text.ts';
import { parseTimestamp, type Timestamp } from '../timestamp.ts';

/** RFC 3986: the characters of a URI reference, and `%` only before two hex digits. */
const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const EXTENSION_NAME = /^[a-z0-9]{1,64}$/;
const INT32_MAX = 2_147_483_647;
const INT32_MIN = -2_147_483_648;

/** Attributes as they were sent; `undefined` and null both mean absent. */
export interface RawAttributes {
  readonly specversion: unknown;
  readonly id: unknown;
  readonly source: unknown;
  readonly type: unknown;
  readonly subject: unknown;
  readonly time: unknown;
}

export interface Attributes {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly time: Timestamp;
}

/** What was received when, in both notations. */
export interface Receipt {
  readonly receivedAtMs: number;
  readonly limits: EventLimits;
}

/** Adds every fault to `faults`; the result is meaningful only when none was added. */
export function checkAttributes(raw: RawAttributes, receipt: Receipt, faults: Fault[]): Attributes {
  const { limits } = receipt;
  if (raw.specversion !== '1.0') {
    const detail = `must be "1.0", found ${found(raw.specversion)}`;
    faults.push({ code: 'invalid-event', pointer: '/specversion', detail });
  }
  const id = checkText(raw.id, '/id', limits.idLengthMax, faults);
  const source = checkText(raw.source, '/source', limits.sourceLengthMax, faults);
  if (source !== '' && !URI_REFERENCE.test(source) && isAttributeText(source)) {
    const detail = `must be a URI reference (RFC 3986), found ${found(source)}`;
    faults.push({ code: 'invalid-event', pointer: '/source', detail });
  }
  const type = checkText(raw.type, '/type', limits.typeLengthMax, faults);
  const subject = isAbsent(raw.subject)
    ? null
    : checkText(raw.subject, '/subject', limits.subjectLengthMax, faults);
  return { id, source, type, subject, time: checkTime(raw.time, receipt, faults) };
}

function checkText(value: unknown, pointer: string, lengthMax: number, faults: Fault[]): string {
  if (typeof value !== 'string' || value === '') {
    const what = isAbsent(value) ? 'is required: ' : 'must be ';
    faults.push({
      code: 'invalid-event',
      pointer,
      detail: `${what}a non-empty string, found ${found(value)}`,
    });
    return '';
  }
  if (value.length > lengthMax) {
    const detail = `must be at most ${lengthMax} characters long, is ${value.length}`;
    faults.push({ code: 'invalid-event', pointer, detail });
  } else if (!isAttributeText(value)) {
    const detail = 'must not hold control characters, unpaired surrogates or noncharacters';
    faults.push({ code: 'event-text-invalid', pointer, detail });
  }
  return value;
}

const ABSENT_TIME: Timestamp = { ms: 0, text: '' };

function checkTime(value: unknown, receipt: Receipt, faults: Fault[]): Timestamp {
  const { receivedAtMs, limits } = receipt;
  if (isAbsent(value)) return { ms: receivedAtMs, text: new Date(receivedAtMs).toISOString() };
  const time = typeof value === 'string' ? parseTimestamp(value) : null;
  if (time === null) {
    const detail = `must be an RFC 3339 instant such as 2026-01-02T03:04:05.678Z (no leap second, at most nine decimals), found ${found(value)}`;
    faults.push({ code: 'invalid-event', pointer: '/time', detail });
    return ABSENT_TIME;
  }
  const endMs = Math.min(EVENT_TIME_END_MS - 1, receivedAtMs + limits.futureMsMax);
  if (time.ms < EVENT_TIME_MIN_MS || time.ms > endMs) {
    const detail = `must be from 1970 on and at most ${limits.futureMsMax / 3_600_000} h ahead of receipt (${new Date(receivedAtMs).toISOString()}), found ${found(value)}`;
    faults.push({ code: 'event-time-out-of-range', pointer: '/time', detail });
  }
  return time;
}

/**
 * The canonical text of an extension attribute, or null when the value is absent or faulty. Permitted are strings, booleans and
 * 32-bit integers (CloudEvents 1.0, section 3.1).
 */
export function checkExtension(
  name: string,
  value: unknown,
  limits: EventLimits,
  faults: Fault[],
): string | null {
  if (isAbsent(value)) return null;
  const pointer = `/${name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (!EXTENSION_NAME.test(name)) {
    const detail = `${found(name)} is neither an attribute of CloudEvents 1.0 nor the name of an extension (a-z and 0-9 only)`;
    faults.push({ code: 'invalid-event', pointer, detail });
    return null;
  }
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX) {
    return String(value);
  }
  if (typeof value !== 'string') {
    const detail = `an extension must be a string, a boolean or a 32-bit integer, found ${found(value)}`;
    faults.push({ code: 'invalid-event', pointer, detail });
    return null;
  }
  if (value.length > limits.extensionLengthMax) {
    const detail = `must be at most ${limits.extensionLengthMax} characters long, is ${value.length}`;
    faults.push({ code: 'invalid-event', pointer, detail });
  } else if (!isAttributeText(value)) {
    const detail = 'must not hold control characters, unpaired surrogates or noncharacters';
    faults.push({ code: 'event-text-invalid', pointer, detail });
  }
  return value;
}

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function found(value: unknown): string {
  return value === undefined ? 'nothing' : quoteForMessage(value);
}

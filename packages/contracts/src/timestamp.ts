/** RFC 3339 instants, strictly: date, `T`, time, up to nine decimals, `Z` or a numeric offset. */

export interface Timestamp {
  /** Milliseconds since the epoch; finer digits are cut off, not rounded. */
  readonly ms: number;
  /** The same instant in UTC with the decimals as sent: `2026-01-02T03:04:05.123456Z`. */
  readonly text: string;
}

export const FRACTION_DIGITS_MAX = 9;

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MINUTE_MS = 60_000;
/** `YYYY-MM-DDTHH:MM:SS`. */
const SECONDS_LENGTH = 19;

const CODE_0 = 48;
const CODE_DOT = 46;
const CODE_MINUS = 45;
const CODE_PLUS = 43;
const CODE_COLON = 58;

/** -1 unless both characters are digits. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - CODE_0;
  const ones = text.charCodeAt(at + 1) - CODE_0;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function daysInMonth(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && isLeap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

/** Epoch ms of the first 19 characters read as UTC; NaN when they are not a date and a time of the calendar. */
function wallClockMs(text: string): number {
  const century = twoDigits(text, 0);
  const yearOfCentury = twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const separatorsFit =
    text.charCodeAt(4) === CODE_MINUS &&
    text.charCodeAt(7) === CODE_MINUS &&
    (text.charCodeAt(10) | 0x20) === 0x74 &&
    text.charCodeAt(13) === CODE_COLON &&
    text.charCodeAt(16) === CODE_COLON;
  if (!separatorsFit || century < 0 || yearOfCentury < 0) return Number.NaN;
  const year = century * 100 + yearOfCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return Number.NaN;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return Number.NaN;
  const ms = Date.UTC(2000, month - 1, day, hour, minute, second);
  // Date.UTC takes years 0-99 for 1900-1999, so the year is set apart when it matters.
  return year >= 100
    ? Date.UTC(year, month - 1, day, hour, minute, second)
    : new Date(ms).setUTCFullYear(year);
}

/** East of Greenwich in minutes; null when the text from `at` on is no offset. `-00:00` counts as UTC. */
function offsetMinutes(text: string, at: number): number | null {
  if ((text.charCodeAt(at) | 0x20) === 0x7a && text.length === at + 1) return 0;
  const sign = text.charCodeAt(at);
  if ((sign !== CODE_PLUS && sign !== CODE_MINUS) || text.length !== at + 6) return null;
  const hours = twoDigits(text, at + 1);
  const minutes = twoDigits(text, at + 4);
  if (text.charCodeAt(at + 3) !== CODE_COLON || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return null;
  return (sign === CODE_MINUS ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * Null when the text is not an RFC 3339 instant. A leap second (`:60`) is refused: neither the warehouse nor the calendar can
 * hold it, and moving it would be a silent change of the event. So is a tenth decimal, rather than cut off.
 */
export function parseTimestamp(text: string): Timestamp | null {
  const wallMs = wallClockMs(text);
  if (Number.isNaN(wallMs)) return null;
  let at = SECONDS_LENGTH;
  let fractionMs = 0;
  if (text.charCodeAt(at) === CODE_DOT) {
    let weightMs = 100;
    for (at += 1; ; at += 1) {
      const digit = text.charCodeAt(at) - CODE_0;
      if (!(digit >= 0 && digit <= 9)) break;
      if (weightMs >= 1) fractionMs += digit * weightMs;
      weightMs /= 10;
    }
    const digits = at - SECONDS_LENGTH - 1;
    if (digits === 0 || digits > FRACTION_DIGITS_MAX) return null;
  }
  const offset = offsetMinutes(text, at);
  if (offset === null) return null;
  const wholeMs = wallMs - offset * MINUTE_MS;
  const ms = wholeMs + Math.floor(fractionMs);
  if (offset === 0 && text.length === at + 1) {
    const isCanonical = text.charCodeAt(10) === 0x54 && text.charCodeAt(at) === 0x5a;
    return { ms, text: isCanonical ? text : text.toUpperCase() };
  }
  const seconds = new Date(wholeMs).toISOString();
  // Years outside 0000-9999 come out in another form; the range check of the caller refuses them anyway.
  return { ms, text: `${seconds.slice(0, -5)}${text.slice(SECONDS_LENGTH, at)}Z` };
}

import { parseTimestamp } from '@tidemark/contracts';
import type { ImportMapping } from '@tidemark/core';
import { assertNever } from '@tidemark/core';
import type { Cell } from './record.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const CLF = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})$/;
const DATE_AND_TIME =
  /^(\d{4}-\d{2}-\d{2}|\d{4}\/\d{2}\/\d{2})[ Tt](\d{2}:\d{2}:\d{2}(?:\.\d+)?) ?([Zz]|[+-]\d{2}:?\d{2})?$/;
const UNIX = /^(-?\d{1,16})(?:\.(\d{1,9}))?$/;
const MILLISECOND_DIGITS = 3;

/**
 * The time of a record as RFC 3339 UTC, with every decimal the record has (at most nine).
 * Null when the cell is not a time of that format, or has no offset where one is needed.
 */
export function parseRecordTime(cell: Cell, time: ImportMapping['time']): string | null {
  if (cell === undefined || typeof cell === 'boolean') return null;
  const text = String(cell).trim();
  switch (time.format) {
    case 'rfc3339': {
      const parts = DATE_AND_TIME.exec(text);
      if (parts === null) return null;
      const [, date = '', clock, offset = time.assumeUtc === true ? 'Z' : ''] = parts;
      return toUtcText(
        `${date.replaceAll('/', '-')}T${clock}${offset.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`,
      );
    }
    case 'clf': {
      const parts = CLF.exec(text);
      if (parts === null) return null;
      const [, day, month = '', year, clock, hours, minutes] = parts;
      const monthNumber = String(MONTHS.indexOf(month) + 1).padStart(2, '0');
      return toUtcText(`${year}-${monthNumber}-${day}T${clock}${hours}:${minutes}`);
    }
    case 'unix-s':
      return fromUnix(text, 0);
    case 'unix-ms':
      return fromUnix(text, MILLISECOND_DIGITS);
    default:
      return assertNever(time.format);
  }
}

function toUtcText(text: string): string | null {
  return parseTimestamp(text)?.text ?? null;
}

/** Decimal text, exactly: the point is moved left by `shift` digits and no binary float is involved. */
function fromUnix(text: string, shift: number): string | null {
  const parts = UNIX.exec(text);
  if (parts === null) return null;
  const [, whole = '', decimals = ''] = parts;
  const isNegative = whole.startsWith('-');
  // Before 1970 a fraction would count backwards; nothing Tidemark stores is that old.
  if (isNegative) return null;
  const digits = whole.padStart(shift + 1, '0');
  const seconds = Number(digits.slice(0, digits.length - shift));
  const fraction = digits.slice(digits.length - shift) + decimals;
  const date = new Date(seconds * 1_000);
  if (Number.isNaN(date.getTime())) return null;
  return toUtcText(`${date.toISOString().slice(0, -5)}${fraction === '' ? '' : `.${fraction}`}Z`);
}

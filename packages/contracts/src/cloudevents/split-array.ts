const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Where an element begins and ends (exclusive) in the body, with the white space around it. */
export type Slice = readonly [start: number, end: number];

/**
 * The elements of a top-level JSON array without parsing it: a large body is parsed element by element, because `JSON.parse` makes
 * up to 35 bytes of objects per byte of `[{},{},…]` (16 MiB became 570 MB). Only brackets, commas and strings are looked at;
 * each element has still to be parsed. Null when the text is not one array. Stops after `elementsMax` + 1 elements.
 */
export function splitJsonArray(body: Buffer, elementsMax: number): readonly Slice[] | null {
  const first = skipSpace(body, 0);
  if (body[first] !== OPEN_BRACKET) return null;
  const slices: Slice[] = [];
  let depth = 1;
  let start = first + 1;
  for (let at = start; at < body.length; at += 1) {
    switch (body[at]) {
      case QUOTE:
        at = closingQuote(body, at);
        if (at === -1) return null;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        if (depth === 0) {
          if (body[at] !== CLOSE_BRACKET || skipSpace(body, at + 1) !== body.length) return null;
          if (slices.length > 0 || skipSpace(body, start) !== at) slices.push([start, at]);
          return slices;
        }
        break;
      case COMMA:
        if (depth === 1) {
          slices.push([start, at]);
          if (slices.length > elementsMax) return slices;
          start = at + 1;
        }
        break;
      default:
    }
  }
  return null;
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && isSpace(body[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The element itself, without the white space around it. Shares the memory of the body. */
export function sliceWithin(body: Buffer, slice: Slice = [0, 0]): Buffer {
  let [start, end] = slice;
  while (start < end && isSpace(body[start])) start += 1;
  while (end > start && isSpace(body[end - 1])) end -= 1;
  return body.subarray(start, end);
}

/** Of the string that opens at `at`; -1 when it never closes. */
function closingQuote(body: Buffer, at: number): number {
  for (let quote = body.indexOf(QUOTE, at + 1); quote !== -1; quote = body.indexOf(QUOTE, quote + 1)) {
    let escapes = 0;
    while (body[quote - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return quote;
  }
  return -1;
}

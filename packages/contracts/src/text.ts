/** Half of a pair without its other half: legal in a JavaScript string, not in Unicode text. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** What CloudEvents 1.0 (section 3.1, String) does not permit in attributes. */
const FORBIDDEN_IN_ATTRIBUTE = /\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u;
const PRINTABLE_ASCII = /^[ -~]*$/;

/** Whether an attribute may hold the text: no control characters, no lone surrogates, no noncharacters. */
export function isAttributeText(text: string): boolean {
  return PRINTABLE_ASCII.test(text) || !FORBIDDEN_IN_ATTRIBUTE.test(text);
}

/** Whether data may hold the text: well-formed Unicode without NUL, which neither Postgres nor C libraries take. */
export function isDataText(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text);
}

/** For messages: the text as JSON, cut to a length that keeps an answer small, always well-formed. */
export function quoteForMessage(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(
      value.length <= QUOTED_LENGTH_MAX ? value : `${value.slice(0, QUOTED_LENGTH_MAX)}…`,
    );
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'an object';
}

const QUOTED_LENGTH_MAX = 64;

/** One step of an RFC 6901 pointer. Lone surrogates are replaced and long keys cut, so that a pointer is always printable. */
export function pointerStep(key: string | number): string {
  if (typeof key === 'number') return `/${key}`;
  const cut = key.length <= QUOTED_LENGTH_MAX ? key : `${key.slice(0, QUOTED_LENGTH_MAX)}…`;
  return `/${cut
    .replaceAll(/\p{Surrogate}/gu, '\ufffd')
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')}`;
}

import type { Cell } from './record.ts';

/** In the order in which `parseCombinedLog` returns them. */
export const COMBINED_LOG_COLUMNS = [
  'client',
  'ident',
  'user',
  'time',
  'method',
  'path',
  'protocol',
  'status',
  'bytes',
  'referrer',
  'agent',
] as const;

/** `client ident user [time]`; a user name may hold spaces, so the bracket decides. */
const HEAD = /^(\S+) (\S+) (.+?) \[([^\]]*)\] "/;
/** Status and bytes, with what follows them. */
const MIDDLE = /^ (\d{3}|-) (\d+|-)(?: |$)/;
const ESCAPE = /(?:\\x[0-9a-fA-F]{2})+|\\(.)/gs;
const ESCAPED_LETTERS: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  v: '\v',
  f: '\f',
};
const REQUEST = /^(\S+) (.*?)(?: ([A-Z]+\/[\d.]+))?$/s;

/**
 * One line of an Apache or NGINX access log in combined format, or in common format (then without referrer and agent).
 *
 * Real logs hold lines cut off inside the last field: such a field ends with its line. A request line that is not `METHOD path
 * [protocol]` (port scanners, TLS sent to a plain port) is kept whole as the path.
 *
 * @returns the cells, or what is wrong with the line
 */
export function parseCombinedLog(line: string): readonly Cell[] | string {
  const head = HEAD.exec(line);
  if (head === null) return 'expected: client ident user [time] "request" …';
  const [matched, client, ident, user, time] = head;
  const request = readQuoted(line, matched.length);
  if (!request.isClosed) return 'the quoted request has no end';
  const middle = MIDDLE.exec(line.slice(request.end));
  if (middle === null) return 'after the request, expected: status bytes';
  const [matchedMiddle, status, bytes] = middle;

  let at = request.end + matchedMiddle.length;
  let referrer: string | undefined;
  let agent: string | undefined;
  if (line[at] === '"') {
    const quoted = readQuoted(line, at + 1);
    referrer = quoted.text;
    at = quoted.end;
    if (line.startsWith(' "', at)) agent = readQuoted(line, at + 2).text;
  }
  const parts = REQUEST.exec(request.text);
  const [method, path, protocol] =
    parts === null ? [undefined, request.text, undefined] : [parts[1], parts[2], parts[3]];
  return [client, ident, user, time, method, path, protocol, status, bytes, referrer, agent];
}

interface Quoted {
  readonly text: string;
  /** Behind the closing quote, or the end of the line. */
  readonly end: number;
  readonly isClosed: boolean;
}

/** Reads from behind an opening quote up to the closing one, undoing `\"`, `\\`, `\n`, `\xHH`. */
function readQuoted(line: string, from: number): Quoted {
  let end = from;
  let hasEscapes = false;
  while (end < line.length && line[end] !== '"') {
    if (line[end] === '\\') {
      hasEscapes = true;
      end += 1;
    }
    end += 1;
  }
  const isClosed = end < line.length;
  const raw = line.slice(from, isClosed ? end : line.length);
  return { text: hasEscapes ? unescapeText(raw) : raw, end: isClosed ? end + 1 : line.length, isClosed };
}

/** `\xHH` is a byte: runs of them that are UTF-8 become its characters, others stay as written. */
function unescapeText(raw: string): string {
  return raw.replace(ESCAPE, (whole, letter: string | undefined) => {
    if (letter !== undefined) return ESCAPED_LETTERS[letter] ?? letter;
    const text = Buffer.from(whole.replaceAll('\\x', ''), 'hex').toString('utf8');
    return text.includes('\uFFFD') || text.includes('\0') ? whole : text;
  });
}

import { RECORD_LENGTH_MAX } from './record.ts';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line break; null when it is longer than `RECORD_LENGTH_MAX`. */
  readonly text: string | null;
}

/**
 * Cuts UTF-8 text into lines ended by `\n` or `\r\n`; the last one needs no end. A byte order mark is dropped, bytes that are
 * not UTF-8 become U+FFFD. Yields the lines of one chunk at a time, and holds no more than one line beside it.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder('utf-8');
  let number = 0;
  let rest = '';
  let isTooLong = false;
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    const text = rest + decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf('\n', rest.length); end !== -1; end = text.indexOf('\n', start)) {
      number += 1;
      lines.push({ number, text: isTooLong ? null : withoutReturn(text.slice(start, end)) });
      isTooLong = false;
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > RECORD_LENGTH_MAX) {
      rest = '';
      isTooLong = true;
    }
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (isTooLong || rest !== '') {
    yield [{ number: number + 1, text: isTooLong ? null : withoutReturn(rest) }];
  }
}

function withoutReturn(text: string): string | null {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  return line.length > RECORD_LENGTH_MAX ? null : line;
}

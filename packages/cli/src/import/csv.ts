import { parse } from 'csv-parse/sync';
import { RECORD_LENGTH_MAX, type RecordPosition } from './record.ts';
import type { Line } from './lines.ts';
import { messageOf } from '../thrown.ts';

/** A CSV record as text, with the quotes balanced, or what is wrong with it. */
export type CsvRecord = RecordPosition & { readonly fault: string | null };

/**
 * Puts the lines of a CSV file together into records: a line break inside quotes does not end one. Blank lines between records
 * are left out. One record is held at a time, up to `RECORD_LENGTH_MAX`.
 */
export async function* readCsvRecords(
  chunks: AsyncIterable<readonly Line[]>,
): AsyncGenerator<readonly CsvRecord[]> {
  let number = 0;
  let open: { readonly line: number; text: string } | null = null;
  for await (const lines of chunks) {
    const records: CsvRecord[] = [];
    const push = (line: number, text: string, fault: string | null): void => {
      number += 1;
      records.push({ number, line, text, fault });
    };
    for (const { number: line, text } of lines) {
      if (text === null) {
        push(open?.line ?? line, open?.text ?? '', `longer than ${RECORD_LENGTH_MAX} characters`);
        open = null;
      } else if (open === null) {
        if (hasOpenQuote(text)) open = { line, text };
        else if (text !== '') push(line, text, null);
      } else if (open.text.length + text.length > RECORD_LENGTH_MAX) {
        push(open.line, open.text, `a quote is opened and not closed up to line ${line}`);
        open = null;
      } else {
        const isClosing = hasOpenQuote(text);
        open.text += `\n${text}`;
        if (isClosing) {
          push(open.line, open.text, null);
          open = null;
        }
      }
    }
    if (records.length > 0) yield records;
  }
  if (open !== null) {
    const fault = 'a quote is opened and not closed up to the end of the file';
    yield [{ number: number + 1, line: open.line, text: open.text, fault }];
  }
}

/** Whether quotes are odd in number: each `""` inside quotes counts two, so parity tells open from closed. */
function hasOpenQuote(text: string): boolean {
  let isOpen = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) isOpen = !isOpen;
  return isOpen;
}

/**
 * The cells of each record, or what is wrong with it. All records are parsed at once, and one by one only when one of them is
 * faulty: a call of the parser costs more than a record.
 */
export function parseCsvRecords(
  texts: readonly string[],
  delimiter = ',',
): readonly (readonly string[] | string)[] {
  try {
    const rows = parseAll(texts.join('\n'), delimiter);
    if (rows.length === texts.length) return rows;
  } catch {
    // Which record is at fault, and why, comes out below.
  }
  return texts.map((text) => {
    try {
      return parseAll(text, delimiter)[0] ?? 'empty';
    } catch (error) {
      return messageOf(error);
    }
  });
}

function parseAll(text: string, delimiter: string): string[][] {
  return parse(text, { delimiter, relax_column_count: true, record_delimiter: '\n' });
}

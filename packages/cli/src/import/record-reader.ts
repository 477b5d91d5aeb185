import type { ImportMapping } from '@tidemark/core';
import { assertNever } from '@tidemark/core';
import { usageFault } from '../fault.ts';
import { COMBINED_LOG_COLUMNS, parseCombinedLog } from './combined-log.ts';
import { type CsvRecord, parseCsvRecords, readCsvRecords } from './csv.ts';
import { parseJsonLine } from './json-line.ts';
import { type Line, readLines } from './lines.ts';
import { type Cell, RECORD_LENGTH_MAX, type SourceRecord } from './record.ts';

/**
 * The records of a file, in order, some at a time, with the cells of `columns` in that order. Constant memory.
 * @throws CliFault when the format has no such column
 */
export function readRecords(
  chunks: AsyncIterable<Uint8Array>,
  { format, layout = {} }: Pick<ImportMapping, 'format' | 'layout'>,
  columns: readonly string[],
): AsyncGenerator<readonly SourceRecord[]> {
  switch (format) {
    case 'csv':
      return readCsv(readLines(chunks), columns, layout);
    case 'ndjson':
      return readByLine(readLines(chunks), (text) => parseJsonLine(text, columns));
    case 'combined-log': {
      const positions = positionsOf(columns, COMBINED_LOG_COLUMNS);
      return readByLine(readLines(chunks), (text) => {
        const cells = parseCombinedLog(text);
        return typeof cells === 'string' ? cells : pick(cells, positions);
      });
    }
    default:
      return assertNever(format);
  }
}

async function* readByLine(
  chunks: AsyncIterable<readonly Line[]>,
  parse: (text: string) => readonly Cell[] | string,
): AsyncGenerator<readonly SourceRecord[]> {
  let number = 0;
  for await (const lines of chunks) {
    const records: SourceRecord[] = [];
    for (const { number: line, text } of lines) {
      if (text?.trim() === '') continue;
      number += 1;
      const cells = text === null ? `longer than ${RECORD_LENGTH_MAX} characters` : parse(text);
      records.push(toRecord({ number, line, text: text ?? '' }, cells));
    }
    if (records.length > 0) yield records;
  }
}

async function* readCsv(
  chunks: AsyncIterable<readonly Line[]>,
  columns: readonly string[],
  { delimiter, columns: named }: NonNullable<ImportMapping['layout']>,
): AsyncGenerator<readonly SourceRecord[]> {
  const headerRecords = named === undefined ? 1 : 0;
  let header = named;
  for await (const read of readCsvRecords(chunks)) {
    let records = read;
    if (header === undefined) {
      header = readHeader(records[0], delimiter);
      records = records.slice(headerRecords);
    }
    const { length: width } = header;
    const positions = positionsOf(columns, header);
    const texts = records.filter(({ fault }) => fault === null).map(({ text }) => text);
    const rows = parseCsvRecords(texts, delimiter);
    let next = 0;
    const parsed = records.map((record) => {
      const position = { number: record.number - headerRecords, line: record.line, text: record.text };
      if (record.fault !== null) return toRecord(position, record.fault);
      const row = rows[next++] ?? 'empty';
      if (typeof row === 'string') return toRecord(position, row);
      return toRecord(
        position,
        row.length === width ? pick(row, positions) : `${row.length} cells, the header has ${width}`,
      );
    });
    if (parsed.length > 0) yield parsed;
  }
}

function readHeader(record: CsvRecord | undefined, delimiter: string | undefined): readonly string[] {
  const isReadable = record !== undefined && record.fault === null;
  const [row] = isReadable ? parseCsvRecords([record.text], delimiter) : [];
  if (row === undefined || typeof row === 'string') throw usageFault('the header line cannot be read');
  return row.map((name) => name.trim());
}

/** @throws CliFault naming every column that is not there */
function positionsOf(columns: readonly string[], available: readonly string[]): readonly number[] {
  const missing = columns.filter((column) => !available.includes(column));
  if (missing.length > 0) {
    throw usageFault(`no column ${missing.join(', ')}; there are: ${available.join(', ')}`);
  }
  return columns.map((column) => available.indexOf(column));
}

function pick(cells: readonly Cell[], positions: readonly number[]): readonly Cell[] {
  return positions.map((position) => cells[position]);
}

function toRecord(
  position: { readonly number: number; readonly line: number; readonly text: string },
  cells: readonly Cell[] | string,
): SourceRecord {
  return typeof cells === 'string'
    ? { ...position, cells: null, fault: cells }
    : { ...position, cells, fault: null };
}

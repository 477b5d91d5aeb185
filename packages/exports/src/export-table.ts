import { assertNever, type ExportFormat } from '@tidemark/core';
import { writeCsv } from './csv.ts';
import { writeJson, writeNdjson } from './json.ts';
import { writeParquet } from './parquet.ts';
import type { ExportedTable } from './table.ts';
import { SHEET_ROWS_MAX, writeXlsx } from './xlsx.ts';

export interface ExportFormatFacts {
  readonly mediaType: string;
  /** Of a file name, without the point. */
  readonly extension: string;
  /** Whether compressing it is worth the while: the others are compressed in themselves. */
  readonly isText: boolean;
}

export const EXPORT_FORMAT_FACTS: Readonly<Record<ExportFormat, ExportFormatFacts>> = {
  csv: { mediaType: 'text/csv', extension: 'csv', isText: true },
  json: { mediaType: 'application/json', extension: 'json', isText: true },
  ndjson: { mediaType: 'application/x-ndjson', extension: 'ndjson', isText: true },
  parquet: { mediaType: 'application/vnd.apache.parquet', extension: 'parquet', isText: false },
  xlsx: {
    mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    extension: 'xlsx',
    isText: false,
  },
};

export interface ExportOptions {
  /** CSV alone: for Excel. */
  readonly withByteOrderMark?: boolean;
  /** CSV and NDJSON, which have no place for metadata: put it ahead of the rows. */
  readonly withMetadata?: boolean;
  /** XLSX alone: a text was longer than a cell may be. */
  readonly onTruncated?: () => void;
}

/**
 * The table as a file, piece by piece: no more rows are taken than bytes are read, and only so many are held as the format needs (a row
 * group of Parquet, a batch of the others). Ending it early ends the rows.
 * @throws what the rows throw; `query-too-expensive` when a number does not fit its column (Parquet)
 */
export function exportTable(
  format: ExportFormat,
  table: ExportedTable,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array> {
  const { withByteOrderMark = false, withMetadata = false, onTruncated = () => undefined } = options;
  switch (format) {
    case 'csv':
      return writeCsv(table, { withByteOrderMark, withMetadata });
    case 'json':
      return writeJson(table);
    case 'ndjson':
      return writeNdjson(table, { withMetadata });
    case 'parquet':
      return writeParquet(table);
    case 'xlsx':
      return writeXlsx(table, { sheetRowsMax: SHEET_ROWS_MAX, onTruncated });
    default:
      return assertNever(format);
  }
}

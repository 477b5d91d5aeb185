import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { TableRow } from '@tidemark/core';
import yazl from 'yazl';
import type { ExportedTable } from './table.ts';
import { contentTypes, RELATIONSHIPS, STYLES, workbookParts } from './xlsx-parts.ts';
import { METADATA_COLUMNS, SHEET_FOOT, SheetRows } from './xlsx-sheet.ts';

/** The most a spreadsheet takes, the header included. */
export const SHEET_ROWS_MAX = 1_048_576;
/** Of one sheet's XML: 4 GiB would need the ZIP64 form, which not every spreadsheet reads. */
const SHEET_BYTES_MAX = 2 ** 31;

export interface XlsxOptions {
  /** Rows of a sheet, the header included. */
  readonly sheetRowsMax: number;
  /** Told for every text that was longer than a cell may be, and was cut off visibly. */
  readonly onTruncated: () => void;
}

/**
 * A workbook of as many data sheets as the rows need, each with a bold, frozen header row, and a last one with the metadata. Text is
 * inline text and never a formula; numbers of up to 15 digits are numbers (more a spreadsheet would round: they are text), times dates.
 */
export async function* writeXlsx(table: ExportedTable, options: XlsxOptions): AsyncGenerator<Uint8Array> {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  const source = table.batches[Symbol.asyncIterator]();
  const stop = new AbortController();
  const filling = fillWorkbook(zip, table, { source, options, signal: stop.signal });
  // What goes wrong with the rows goes wrong with the file
  filling.catch((error: unknown) =>
    output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const bytes of output as AsyncIterable<Buffer>) yield bytes;
    await filling;
  } finally {
    stop.abort();
    await source.return?.();
  }
}

interface Filling {
  readonly source: AsyncIterator<readonly TableRow[]>;
  readonly options: XlsxOptions;
  readonly signal: AbortSignal;
}

async function fillWorkbook(
  zip: yazl.ZipFile,
  table: ExportedTable,
  { source, options, signal }: Filling,
): Promise<void> {
  let truncated = 0;
  const onTruncated = (): void => {
    truncated += 1;
    options.onTruncated();
  };
  const rows = new PendingRows(source);
  const names: string[] = [];
  const addSheet = async (name: string, content: AsyncIterable<Buffer>): Promise<void> => {
    names.push(name);
    const stream = Readable.from(content, { objectMode: false, signal });
    zip.addReadStream(stream, `xl/worksheets/sheet${names.length}.xml`);
    await finished(stream);
  };
  do {
    const sheet = new SheetRows(table.columns, onTruncated);
    await addSheet(names.length === 0 ? 'Data' : `Data ${names.length + 1}`, dataSheet(sheet, rows, options));
  } while (!rows.isAtEnd);
  const metadata = { ...table.metadata, truncatedCells: truncated };
  await addSheet('Metadata', metadataSheet(metadata, onTruncated));
  for (const [path, text] of Object.entries({
    '[Content_Types].xml': contentTypes(names.length),
    '_rels/.rels': RELATIONSHIPS,
    'xl/styles.xml': STYLES,
    ...workbookParts(names),
  })) {
    zip.addBuffer(Buffer.from(text), path);
  }
  zip.end();
}

async function* dataSheet(
  sheet: SheetRows,
  pending: PendingRows,
  { sheetRowsMax }: XlsxOptions,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  const head = Buffer.from(sheet.head());
  yield head;
  while (sheet.rows < sheetRowsMax && bytes < SHEET_BYTES_MAX) {
    const rows = await pending.take(sheetRowsMax - sheet.rows);
    if (rows.length === 0) break;
    const chunk = Buffer.from(sheet.add(rows));
    bytes += chunk.length;
    yield chunk;
  }
  yield Buffer.from(SHEET_FOOT);
  await pending.look();
}

async function* metadataSheet(
  metadata: Readonly<Record<string, unknown>>,
  onTruncated: () => void,
): AsyncGenerator<Buffer> {
  const sheet = new SheetRows(METADATA_COLUMNS, onTruncated);
  const rows = Object.entries(metadata).map(([name, value]): TableRow => {
    const isPlain = value === null || ['string', 'number', 'boolean'].includes(typeof value);
    return [name, isPlain ? (value as string | number | boolean | null) : JSON.stringify(value)];
  });
  yield Buffer.from(`${sheet.head()}${sheet.add(rows)}${SHEET_FOOT}`);
}

/** Rows of a sheet are made of at most so many at once. */
const ROWS_PER_CHUNK_MAX = 2_048;

/** The rows that are in no sheet yet. */
class PendingRows {
  readonly #source: AsyncIterator<readonly TableRow[]>;
  #batch: readonly TableRow[] = [];
  #at = 0;
  #isOver = false;

  constructor(source: AsyncIterator<readonly TableRow[]>) {
    this.#source = source;
  }

  /** True when `look` or `take` found no more. */
  get isAtEnd(): boolean {
    return this.#isOver;
  }

  /** The next rows; none at the end. */
  async take(max: number): Promise<readonly TableRow[]> {
    await this.look();
    const rows = this.#batch.slice(this.#at, this.#at + Math.min(max, ROWS_PER_CHUNK_MAX));
    this.#at += rows.length;
    return rows;
  }

  /** Finds out whether there are more. */
  async look(): Promise<void> {
    while (!this.#isOver && this.#at >= this.#batch.length) {
      const next = await this.#source.next();
      if (next.done === true) this.#isOver = true;
      else this.#batch = next.value;
      this.#at = 0;
    }
    if (this.#isOver) this.#batch = [];
  }
}

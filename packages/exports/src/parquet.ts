import { AppError } from '@tidemark/core';
import type { Cell, ColumnType, TableColumn, TableRow } from '@tidemark/core';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet-writer';
import { isAbsent, type ExportedTable } from './table.ts';

/** A row group is made in memory: it ends at whichever of the two comes first. */
const GROUP_ROWS_MAX = 32_768;
const GROUP_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Of one page of a column. */
const PAGE_BYTES = 1024 * 1024;

const DECIMAL_PRECISION = 38;
const DECIMAL_SCALE = 12;
const DECIMAL_BYTES = 16;
const DECIMAL_LIMIT = 10n ** BigInt(DECIMAL_PRECISION);
const DECIMAL_PARTS = /^(-?)(\d+)(?:\.(\d+))?$/;

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;

const ELEMENTS: Readonly<Record<ColumnType, Omit<SchemaElement, 'name'>>> = {
  text: TEXT,
  json: TEXT,
  scalar: TEXT,
  number: { type: 'DOUBLE' },
  decimal: {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: DECIMAL_BYTES,
    converted_type: 'DECIMAL',
    precision: DECIMAL_PRECISION,
    scale: DECIMAL_SCALE,
  },
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
  boolean: { type: 'BOOLEAN' },
};

/**
 * Snappy row groups of up to 32,768 rows; all columns optional. Exact numbers are DECIMAL(38, 12), times TIMESTAMP_MILLIS in UTC (the
 * rest of the second is cut off), fields of any kind UTF-8 text. The metadata is the key `tidemark` of the file, as JSON.
 * @throws query-too-expensive when an exact number has more than 26 digits before the point
 */
export async function* writeParquet(table: ExportedTable): AsyncGenerator<Uint8Array> {
  const { columns } = table;
  const buffer = new ByteWriter();
  const writer = new ParquetWriter({
    writer: buffer,
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map(({ name, type }) => ({
        name,
        repetition_type: 'OPTIONAL' as const,
        ...ELEMENTS[type],
      })),
    ],
    kvMetadata: [{ key: 'tidemark', value: JSON.stringify(table.metadata) }],
    createdBy: 'tidemark',
  });
  const group = new RowGroup(columns);
  const flush = (): void => {
    if (group.rows > 0)
      void writer.write({ columnData: group.take(), rowGroupSize: GROUP_ROWS_MAX, pageSize: PAGE_BYTES });
  };
  for await (const rows of table.batches) {
    for (const row of rows) {
      group.add(row);
      if (!group.isFull) continue;
      flush();
      yield takeBytes(buffer);
    }
  }
  flush();
  void writer.finish();
  yield takeBytes(buffer);
}

/** What was written, as a copy: the writer's memory is used again. */
function takeBytes(buffer: ByteWriter): Uint8Array {
  const bytes = buffer.getBytes().slice();
  buffer.index = 0;
  return bytes;
}

type Stored = string | number | bigint | boolean | null;

class RowGroup {
  readonly #columns: readonly TableColumn[];
  #cells: Stored[][];
  #rows = 0;
  #characters = 0;

  constructor(columns: readonly TableColumn[]) {
    this.#columns = columns;
    this.#cells = columns.map(() => []);
  }

  get rows(): number {
    return this.#rows;
  }

  get isFull(): boolean {
    return this.#rows >= GROUP_ROWS_MAX || this.#characters >= GROUP_CHARACTERS_MAX;
  }

  add(row: TableRow): void {
    this.#columns.forEach(({ type }, index) => {
      const stored = toStored(row[index] ?? null, type);
      if (typeof stored === 'string') this.#characters += stored.length;
      this.#cells[index]?.push(stored);
    });
    this.#rows += 1;
  }

  /** The columns so far; the group is empty then. */
  take(): { readonly name: string; readonly data: Stored[] }[] {
    const cells = this.#cells;
    this.#cells = this.#columns.map(() => []);
    this.#rows = 0;
    this.#characters = 0;
    return this.#columns.map(({ name }, index) => ({ name, data: cells[index] ?? [] }));
  }
}

function toStored(cell: Cell, type: ColumnType): Stored {
  if (isAbsent(cell)) return null;
  switch (type) {
    case 'text':
    case 'json':
    case 'scalar':
      return String(cell);
    case 'number':
      return Number(cell);
    case 'decimal':
      return toUnscaled(String(cell));
    case 'time':
      return BigInt(Date.parse(String(cell)));
    case 'boolean':
      return cell === true;
  }
}

/** The number times 10^12: `1.5` becomes 1500000000000n. */
function toUnscaled(text: string): bigint {
  const [, sign = '', whole = '', fraction = ''] = DECIMAL_PARTS.exec(text) ?? [];
  const unscaled =
    whole === '' ? null : BigInt(whole + fraction.slice(0, DECIMAL_SCALE).padEnd(DECIMAL_SCALE, '0'));
  if (unscaled === null || unscaled >= DECIMAL_LIMIT || fraction.length > DECIMAL_SCALE) {
    throw new AppError(
      'query-too-expensive',
      `${text.slice(0, 64)} does not fit a decimal of ${DECIMAL_PRECISION} digits, ${DECIMAL_SCALE} of them behind the point: ask for another format`,
    );
  }
  return sign === '' ? unscaled : -unscaled;
}

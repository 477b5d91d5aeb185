import type { Cell, TableColumn, TableRow } from '@tidemark/core';
import { DAY_MS } from '@tidemark/core';
import { isAbsent, isNumeric } from './table.ts';
import { DATE_STYLE, HEADER_STYLE } from './xlsx-parts.ts';

/** UTF-16 units of one cell. */
export const CELL_CHARACTERS_MAX = 32_767;
const TRUNCATED = '… [truncated]';
/** A spreadsheet computes in binary floating point and shows no more. */
const DIGITS_MAX = 15;
/** Days from 1899-12-30, the day 0 of spreadsheets, to the epoch. */
const EPOCH_SERIAL = 25_569;
/** Before 1900-03-01 spreadsheets count a day that never was. */
const SERIAL_MIN = 61;

export const METADATA_COLUMNS: readonly TableColumn[] = [
  { name: 'name', type: 'text' },
  { name: 'value', type: 'scalar' },
];

const SHEET_HEAD =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>';
export const SHEET_FOOT = '</sheetData></worksheet>';

/** What XML cannot hold, and what it would change (a carriage return). Halves of characters become U+FFFD as the text becomes bytes. */
const NOT_IN_XML = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g;
/** Looks like the escape of such a character. */
const ESCAPE_LIKE = /_(?=x[0-9A-Fa-f]{4}_)/g;
const MARKUP = /[&<>]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The XML of one sheet, row by row. */
export class SheetRows {
  readonly #columns: readonly TableColumn[];
  readonly #letters: readonly string[];
  readonly #onTruncated: () => void;
  #rows = 0;

  constructor(columns: readonly TableColumn[], onTruncated: () => void) {
    this.#columns = columns;
    this.#letters = columns.map((_, index) => columnLetters(index));
    this.#onTruncated = onTruncated;
  }

  /** So far, the header included. */
  get rows(): number {
    return this.#rows;
  }

  head(): string {
    const names = this.#columns.map(({ name }, index) => this.#text(name, index, HEADER_STYLE));
    return `${SHEET_HEAD}${this.#row(names, 1)}`;
  }

  add(rows: readonly TableRow[]): string {
    return rows.map((row) => this.#row(this.#cells(row), this.#rows + 1)).join('');
  }

  #row(cells: readonly string[], number: number): string {
    this.#rows = number;
    return `<row r="${number}">${cells.join('')}</row>`;
  }

  #cells(row: TableRow): string[] {
    return this.#columns.map((column, index) => this.#cell(row[index] ?? null, column, index));
  }

  #cell(cell: Cell, column: TableColumn, index: number): string {
    if (isAbsent(cell)) return '';
    const at = this.#at(index);
    if (typeof cell === 'boolean') return `<c r="${at}" t="b"><v>${cell ? 1 : 0}</v></c>`;
    if (isNumeric(cell, column) && fitsNumber(cell)) return `<c r="${at}"><v>${String(cell)}</v></c>`;
    const serial = column.type === 'time' ? toSerial(String(cell)) : null;
    if (serial !== null) return `<c r="${at}" s="${DATE_STYLE}"><v>${serial}</v></c>`;
    return this.#text(String(cell), index);
  }

  #text(text: string, index: number, style?: number): string {
    const styled = style === undefined ? '' : ` s="${style}"`;
    return `<c r="${this.#at(index)}"${styled} t="inlineStr"><is><t xml:space="preserve">${toXml(this.#cut(text))}</t></is></c>`;
  }

  #cut(text: string): string {
    if (text.length <= CELL_CHARACTERS_MAX) return text;
    this.#onTruncated();
    return `${text.slice(0, CELL_CHARACTERS_MAX - TRUNCATED.length)}${TRUNCATED}`;
  }

  #at(index: number): string {
    return `${this.#letters[index]}${this.#rows + 1}`;
  }
}

function fitsNumber(cell: Cell): boolean {
  if (typeof cell === 'number') return true;
  return (
    String(cell)
      .replace(/^-?0*\.?0*/, '')
      .replace('.', '').length <= DIGITS_MAX
  );
}

function toSerial(rfc3339: string): number | null {
  const ms = Date.parse(rfc3339);
  const serial = ms / DAY_MS + EPOCH_SERIAL;
  return serial >= SERIAL_MIN ? serial : null;
}

function toXml(text: string): string {
  return text
    .replace(ESCAPE_LIKE, '_x005F_')
    .replace(
      NOT_IN_XML,
      (character) => `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`,
    )
    .replace(MARKUP, (character) => ENTITIES[character] ?? character);
}

/** 0 is A, 25 is Z, 26 is AA. */
function columnLetters(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : `${columnLetters(Math.floor(index / 26) - 1)}${last}`;
}

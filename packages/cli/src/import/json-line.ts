import type { Cell } from './record.ts';
import { messageOf } from '../thrown.ts';

/**
 * The named keys of one NDJSON object, top level only. A number beyond 2^53 is a fault: its digits are lost once it is parsed
 * (such ids and amounts belong in text).
 *
 * @returns the cells, or what is wrong with the line
 */
export function parseJsonLine(line: string, columns: readonly string[]): readonly Cell[] | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${messageOf(error)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object';
  const cells: Cell[] = [];
  for (const column of columns) {
    const cell: unknown = Object.hasOwn(value, column)
      ? (value as Record<string, unknown>)[column]
      : undefined;
    if (cell === null || cell === undefined) cells.push(undefined);
    else if (typeof cell === 'number') {
      if (Math.abs(cell) > Number.MAX_SAFE_INTEGER) {
        return `${JSON.stringify(column)} is a number beyond 2^53: write it as text`;
      }
      cells.push(cell);
    } else if (typeof cell === 'string' || typeof cell === 'boolean') cells.push(cell);
    else
      return `${JSON.stringify(column)} is ${Array.isArray(cell) ? 'a list' : 'an object'}, expected one value`;
  }
  return cells;
}

import type { ImportMapping, JsonObject, JsonValue, Pack } from '@tidemark/core';
import { usageFault } from '../fault.ts';
import type { Cell, SourceRecord } from './record.ts';
import { parseRecordTime } from './record-time.ts';

/** The significant digits a binary float keeps of any decimal. */
const EXACT_DIGITS_MAX = 15;
const NUMBER = /^[+-]?(\d+)(?:\.(\d+))?(?:[eE][+-]?\d{1,3})?$/;

/** An event as it is posted: CloudEvents 1.0, JSON format. */
export interface OutgoingEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly data: JsonObject;
}

/** A mapping with its settings filled in: from the cells of `columns`, in that order, to an event. */
export interface CompiledMapping {
  readonly mapping: ImportMapping;
  /** `--set` pairs, sorted by name. */
  readonly settings: readonly (readonly [string, string])[];
  readonly columns: readonly string[];
  /** The event, or what is wrong with the record: every fault of it. */
  toEvent(record: SourceRecord, id: string): OutgoingEvent | string;
}

/** @throws CliFault naming the mappings there are */
export function findMapping(packs: readonly Pack[], key: string): ImportMapping {
  const mappings = packs.flatMap((pack) => pack.importMappings);
  const found = mappings.find((mapping) => mapping.key === key);
  if (found !== undefined) return found;
  const known = mappings.map((mapping) => `\n  ${mapping.key}  ${mapping.title}`).join('');
  throw usageFault(`no mapping ${JSON.stringify(key)}; there are:${known}`);
}

/** @throws CliFault naming every setting that is missing or unknown */
export function compileMapping(
  mapping: ImportMapping,
  settings: ReadonlyMap<string, string>,
): CompiledMapping {
  assertSettings(mapping, settings);
  const fields = mapping.fields.map((field) => ({ ...field, path: toPath(field.field) }));
  const constants = mapping.settable.flatMap(({ field, name }) => {
    const value = settings.get(name);
    return value === undefined ? [] : [{ path: toPath(field), value }];
  });
  const { eventTypeBy } = mapping;
  const columns = [
    mapping.time.column,
    ...(mapping.subject === undefined ? [] : [mapping.subject]),
    ...fields.map(({ column }) => column),
    ...(eventTypeBy === undefined ? [] : [eventTypeBy.column]),
  ];
  const firstField = mapping.subject === undefined ? 1 : 2;
  const typeOf = ({ cells }: { readonly cells: readonly Cell[] }): string =>
    (eventTypeBy && translated(cells.at(-1), eventTypeBy.values)) ?? mapping.eventType;

  const toEvent = (record: SourceRecord, id: string): OutgoingEvent | string => {
    if (record.fault !== null) return record.fault;
    const faults: string[] = [];
    const time = parseRecordTime(record.cells[0], mapping.time);
    if (time === null) {
      faults.push(
        `${mapping.time.column} is ${show(record.cells[0])}, expected a time (${mapping.time.format})`,
      );
    }
    const data: Record<string, JsonValue> = {};
    fields.forEach(({ path, column, type, values }, index) => {
      const cell = record.cells[firstField + index];
      if (cell === undefined || cell === '' || cell === '-') return;
      const value = (values && translated(cell, values)) ?? convert(cell, type);
      if (value === undefined) faults.push(`${column} is ${show(cell)}, expected a ${type}`);
      else setAt(data, path, value);
    });
    for (const { path, value } of constants) setAt(data, path, value);
    if (time === null || faults.length > 0) return faults.join('; ');
    const subject = mapping.subject === undefined ? undefined : record.cells[1];
    return {
      specversion: '1.0',
      id,
      source: mapping.source,
      type: typeOf(record),
      time,
      ...(subject === undefined || subject === '' || subject === '-' ? {} : { subject: String(subject) }),
      data,
    };
  };
  const sorted = [...settings].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { mapping, settings: sorted, columns, toEvent };
}

function assertSettings(mapping: ImportMapping, settings: ReadonlyMap<string, string>): void {
  const names = mapping.settable.map(({ name }) => name);
  const faults = [
    ...mapping.settable
      .filter(({ name, required }) => required && !settings.has(name))
      .map(({ name }) => `${mapping.key} needs --set ${name}=…`),
    ...[...settings.keys()]
      .filter((name) => !names.includes(name))
      .map(
        (name) =>
          `${mapping.key} has no setting ${JSON.stringify(name)}; there are: ${names.join(', ') || 'none'}`,
      ),
  ];
  if (faults.length > 0) throw usageFault(faults.join('\n'));
}

/** Undefined when nothing stands for the cell. */
function translated(cell: Cell, values: Readonly<Record<string, string>>): string | undefined {
  const key = String(cell);
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

/** `data.a.b` to `['a', 'b']`. */
function toPath(field: string): readonly string[] {
  return field.split('.').slice(1);
}

function setAt(data: Record<string, JsonValue>, path: readonly string[], value: JsonValue): void {
  let target = data;
  for (const key of path.slice(0, -1)) {
    target = (target[key] ??= {}) as Record<string, JsonValue>;
  }
  const last = path.at(-1);
  if (last !== undefined) target[last] = value;
}

/** Undefined when the cell is not of the type. */
function convert(
  cell: string | number | boolean,
  type: 'string' | 'number' | 'boolean',
): JsonValue | undefined {
  switch (type) {
    case 'string':
      return String(cell);
    case 'number':
      return typeof cell === 'boolean' ? undefined : toNumber(cell);
    case 'boolean': {
      const text = String(cell).toLowerCase();
      if (text === 'true' || text === '1') return true;
      return text === 'false' || text === '0' ? false : undefined;
    }
  }
}

/** A JSON number where it holds every digit of the cell, and the text itself where it does not. */
function toNumber(cell: string | number): JsonValue | undefined {
  if (typeof cell === 'number') return cell;
  const text = cell.trim();
  const parts = NUMBER.exec(text);
  if (parts === null) return undefined;
  const digits = `${parts[1]}${parts[2] ?? ''}`.replace(/^0+/, '');
  const value = Number(text);
  return digits.length <= EXACT_DIGITS_MAX && Number.isFinite(value) ? value : text;
}

function show(cell: Cell): string {
  return cell === undefined ? 'absent' : JSON.stringify(cell).slice(0, 80);
}

/** Raw events as they were stored, of one organization, to be taken out. */
import {
  AppError,
  type Cell,
  conditionValueFault,
  type Fault,
  type FieldCondition,
  FILTER_OPERATORS,
  HOUR_MS,
  isFieldReference,
  type Principal,
  SECOND_MS,
  type TableColumn,
  type TableRow,
} from '@tidemark/core';
import {
  conditionSql,
  jsonOf,
  RAW_JSON_SETTINGS,
  RAW_TIME_MS,
  type Row,
  SqlParameters,
  type Statement,
  textOf,
  type WarehouseExecutor,
} from '@tidemark/warehouse';
import { oneOf, quote, type Report } from './faults.ts';
import { timeColumn, withinIntervals } from './interval-sql.ts';
import { FILTER_CONDITIONS_MAX, FILTER_TEXT_LENGTH_MAX, FILTER_VALUES_MAX } from './limits.ts';

/** Attributes of an event, and the whole of its data; beside them any field of `data` may be a column (`data.amount`). */
const ATTRIBUTES: Readonly<Record<string, { readonly type: TableColumn['type']; readonly sql: string }>> = {
  id: { type: 'text', sql: 'id' },
  type: { type: 'text', sql: 'toString(type)' },
  source: { type: 'text', sql: 'toString(source)' },
  subject: { type: 'text', sql: `nullIf(subject, '')` },
  time: { type: 'time', sql: 'toString(time)' },
  received_at: { type: 'time', sql: 'toString(received_at)' },
  data: { type: 'json', sql: 'toJSONString(data)' },
  extensions: { type: 'json', sql: 'toJSONString(extensions)' },
};
const COLUMNS_DEFAULT = ['id', 'type', 'source', 'subject', 'time', 'received_at', 'data'];
const COLUMNS_MAX = 100;
const TYPES_MAX = 100;
/** Of the whole stream, with the pauses of its reader. */
const EXPORT_TIMEOUT_MS = 6 * HOUR_MS;
/** Counting first is worth no more. */
const COUNT_TIMEOUT_MS = 10 * SECOND_MS;
/** Blocks of 8,192 rows on their way through a few threads: 1 KiB events take 50 MB of it. */
const MEMORY_BYTES_MAX = 2 ** 30;

export interface EventsRequest {
  /** Event time, [from, to). */
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: all. */
  readonly types: readonly string[] | null;
  /** All must hold. */
  readonly filters: readonly FieldCondition[];
  /** Attributes and fields, in the order wanted; null: the attributes and `data`. */
  readonly columns: readonly string[] | null;
}

export interface ExportedEvents {
  readonly columns: readonly TableColumn[];
  /** How many there were a moment before; null when counting took too long. */
  readonly rowsExpected: number | null;
  /**
   * In the order of storage, all of the moment at which reading began; read once.
   * @throws query-timeout, query-too-expensive, warehouse-unavailable
   */
  readonly batches: AsyncIterable<readonly TableRow[]>;
}

export interface EventsExport {
  /**
   * Sees events of the principal's organization only.
   * @throws forbidden unless the principal is an admin: raw data names people; invalid-query with all faults; warehouse-unavailable
   */
  open(
    principal: Pick<Principal, 'organization' | 'role'>,
    request: EventsRequest,
    options?: { readonly signal?: AbortSignal },
  ): Promise<ExportedEvents>;
}

export function createEventsExport(warehouse: Pick<WarehouseExecutor, 'query' | 'stream'>): EventsExport {
  return {
    async open(principal, request, { signal } = {}) {
      if (principal.role !== 'admin') throw new AppError('forbidden', 'raw events are for role admin');
      const names = checkedColumns(request);
      const columns = names.map((name): TableColumn => ({ name, type: ATTRIBUTES[name]?.type ?? 'scalar' }));
      const heard = signal === undefined ? {} : { signal };
      return {
        columns,
        rowsExpected: await countOrNull(warehouse, { ...countStatement(principal, request), ...heard }),
        batches: rowsOf(warehouse, { ...rowsStatement(principal, request, names), ...heard }, columns),
      };
    },
  };
}

async function* rowsOf(
  warehouse: Pick<WarehouseExecutor, 'stream'>,
  statement: Statement,
  columns: readonly TableColumn[],
): AsyncGenerator<readonly TableRow[]> {
  const readers = columns.map(({ type }, index) => {
    const read = READERS[type];
    return (row: Row) => read((row[`c${index}`] ?? null) as string | null);
  });
  for await (const batch of warehouse.stream<Row>(statement)) {
    yield batch.map((row) => readers.map((read) => read(row)));
  }
}

const asIs = (text: string | null): Cell => text;

const READERS: Readonly<Record<TableColumn['type'], (text: string | null) => Cell>> = {
  text: asIs,
  number: asIs,
  decimal: asIs,
  boolean: asIs,
  json: asIs,
  time: (text) => (text === null ? null : toInstant(text)),
  scalar: (text) => (text === null ? null : toScalar(text)),
};

/** `2026-01-02 03:04:05.120000000` to `2026-01-02T03:04:05.120Z`: no fewer than three decimals, and no zeros beyond. */
function toInstant(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11).replace(/(\.\d{3}\d*?)0*$/, '$1')}Z`;
}

/** The value of a field from its JSON; arrays stay JSON. Integers that a number would round become bigints. */
function toScalar(json: string): Cell {
  const value = JSON.parse(json) as unknown;
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(json)
      ? BigInt(json)
      : value;
  }
  return typeof value === 'string' || typeof value === 'boolean' || value === null ? value : json;
}

function rowsStatement(
  principal: Pick<Principal, 'organization'>,
  request: EventsRequest,
  names: readonly string[],
): Statement {
  const parameters = new SqlParameters();
  const columns = names.map((name, index) => `${ATTRIBUTES[name]?.sql ?? jsonOf(name)} AS c${index}`);
  return {
    sql: `SELECT ${columns.join(',\n  ')}\nFROM events\nWHERE ${wanted(principal, request, parameters)}`,
    parameters: parameters.values,
    settings: { ...RAW_JSON_SETTINGS, max_memory_usage: MEMORY_BYTES_MAX },
    timeoutMs: EXPORT_TIMEOUT_MS,
  };
}

function countStatement(principal: Pick<Principal, 'organization'>, request: EventsRequest): Statement {
  const parameters = new SqlParameters();
  return {
    sql: `SELECT count() AS events\nFROM events\nWHERE ${wanted(principal, request, parameters)}`,
    parameters: parameters.values,
    settings: { max_memory_usage: MEMORY_BYTES_MAX },
    timeoutMs: COUNT_TIMEOUT_MS,
  };
}

async function countOrNull(
  warehouse: Pick<WarehouseExecutor, 'query'>,
  statement: Statement,
): Promise<number | null> {
  try {
    const [row] = await warehouse.query<Row>(statement);
    return Number(row?.['events'] ?? 0);
  } catch (error) {
    const isTooMuch =
      error instanceof AppError && (error.code === 'query-timeout' || error.code === 'query-too-expensive');
    if (isTooMuch) return null;
    throw error;
  }
}

/** The organization is not optional. */
function wanted(
  { organization }: Pick<Principal, 'organization'>,
  { fromMs, toMs, types, filters }: EventsRequest,
  parameters: SqlParameters,
): string {
  return [
    `organization = ${parameters.bind('String', organization)}`,
    withinIntervals([{ fromMs, toMs }], timeColumn('raw', RAW_TIME_MS), parameters),
    ...(types === null ? [] : [`type IN ${parameters.bind('Array(String)', types)}`]),
    ...filters.map((filter) => conditionSql(textOf(filter.field), filter, parameters)),
  ].join('\n  AND ');
}

/** @throws invalid-query with all faults */
function checkedColumns({ fromMs, toMs, types, filters, columns }: EventsRequest): readonly string[] {
  const faults: Fault[] = [];
  const report: Report = (pointer, detail, code = 'invalid-query') =>
    void faults.push({ code, pointer, detail });
  if (fromMs >= toMs) report('/to', 'is not after from: the range [from, to) is empty');
  if (types !== null && (types.length === 0 || types.length > TYPES_MAX)) {
    report('/types', `names ${types.length} types: expected 1 to ${TYPES_MAX}, or none at all`);
  }
  const names = columns ?? COLUMNS_DEFAULT;
  if (names.length === 0 || names.length > COLUMNS_MAX) {
    report('/columns', `names ${names.length} columns: expected 1 to ${COLUMNS_MAX}`);
  } else {
    names.forEach((name, index) => {
      const pointer = `/columns/${index}`;
      if (names.indexOf(name) !== index) report(pointer, `${quote(name)} is named twice`);
      if (Object.hasOwn(ATTRIBUTES, name) || isFieldReference(name)) return;
      report(pointer, `${quote(name)} is none of ${Object.keys(ATTRIBUTES).join(', ')}, data.<field>`);
    });
  }
  if (filters.length > FILTER_CONDITIONS_MAX) {
    report('/filters', `holds ${filters.length} conditions: expected at most ${FILTER_CONDITIONS_MAX}`);
  } else {
    filters.forEach((filter, index) => checkFilter(filter, `/filters/${index}`, report));
  }
  if (faults.length === 0) return names;
  const list = faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  throw new AppError('invalid-query', list, { faults });
}

function checkFilter({ field, op, value }: FieldCondition, at: string, report: Report): void {
  if (!isFieldReference(field)) {
    report(`${at}/field`, `${quote(field)} is none of subject, source, type, data.<field>`);
  }
  oneOf(FILTER_OPERATORS, op, `${at}/op`, report);
  if (!FILTER_OPERATORS.includes(op)) return;
  const detail = conditionValueFault(op, value);
  if (detail !== null) report(`${at}/value`, detail);
  const values = Array.isArray(value) ? value : [value];
  if (values.length > FILTER_VALUES_MAX) {
    report(`${at}/value`, `holds ${values.length} values: expected at most ${FILTER_VALUES_MAX}`);
  } else if (values.some((item) => String(item).length > FILTER_TEXT_LENGTH_MAX)) {
    report(`${at}/value`, `is longer than ${FILTER_TEXT_LENGTH_MAX} characters`);
  }
}

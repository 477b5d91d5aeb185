/**
 * The one generator that turns a measure's declaration into SQL. Rollups are made with it, open buckets are answered with it,
 * and both are merged and finished with it: that is why a number does not change when its bucket closes.
 *
 * A *state row* holds, for one output bucket and one combination of dimension values, the columns of `STATE_COLUMNS`. Raw gives state
 * rows by aggregation (`rawStateExpressions`), a rollup by reading (`STATE_COLUMNS`); `MERGED_COLUMNS` merges either.
 *
 * Everything that comes from a declaration or a question is either an identifier checked against a grammar or a bound parameter.
 */
import { assertThat, isFieldReference } from '@tidemark/core';
import type { FieldCondition, FieldReference, Measure, Tier } from '@tidemark/core';
import type { SqlParameter } from './port.ts';
import { textChunks } from './text-chunks.ts';

/** Numbers of this magnitude or more count as absent: sums of 10^11 of them still fit Decimal(38, 12). */
export const VALUE_MAGNITUDE_LIMIT = 1e15;
/** Guaranteed bound on |estimate - true| / |true| of every quantile. */
export const QUANTILE_RELATIVE_ERROR = 0.01;
/**
 * Sketches hold values times this, so that none lies between 0 and 1: there the engine's sketch takes the next bin and is up to
 * 3.04 % off (measured on 26.7: it cuts the negative logarithm towards zero). Another factor is another `QUANTILE_STATE_FORM`.
 */
const SKETCH_SCALE = '1e12';
/**
 * HyperLogLog with 2^16 cells: exact for up to `UNIQUE_EXACT_MAX` values, then a standard error of 1.04 / sqrt(2^16); at most 48 KiB
 * a state. Measured here at 3,000 to 1,000,000 values: 0.05 to 0.4 % off (2^14 cells: up to 1.2 %).
 */
export const UNIQUE_PRECISION = 16;
export const UNIQUE_STANDARD_ERROR = 0.0041;
export const UNIQUE_EXACT_MAX = 2_000;

export const ROLLUP_TABLE: Readonly<Record<Tier, string>> = {
  '1m': 'rollup_1m',
  '15m': 'rollup_15m',
  '1d': 'rollup_1d',
};

/** Collects bound parameters under names that do not collide. */
export class SqlParameters {
  readonly values: Record<string, SqlParameter> = {};
  private next = 0;

  /** @returns the placeholder, for instance `{p3:Array(String)}` */
  bind(type: string, value: SqlParameter): string {
    const name = `p${this.next}`;
    this.next += 1;
    this.values[name] = value;
    return `{${name}:${type}}`;
  }
}

/** The field as text: '' when absent, null or empty. Objects and arrays read as absent or as their JSON. */
export function textOf(field: FieldReference): string {
  assertThat(isFieldReference(field), `field reference ${field}`);
  if (!field.startsWith('data.')) return `toString(${field})`;
  return `ifNull(CAST(${jsonPath(field)}, 'Nullable(String)'), '')`;
}

/** The field as `numberOfText`. */
export function numberOf(field: FieldReference): string {
  return numberOfText(textOf(field));
}

/**
 * A text as Nullable(Decimal(38, 12)), exact as the producer wrote it up to 12 decimals; null unless it is a number. What is one
 * the reader of floats decides: that of decimals takes `-` and `.` for 0, and `1.2.3` for 1.23.
 */
export function numberOfText(text: string): string {
  const decimal = `toDecimal128OrNull(${text}, 12)`;
  return `if(isNotNull(toFloat64OrNull(${text})) AND abs(${decimal}) < ${VALUE_MAGNITUDE_LIMIT}, ${decimal}, NULL)`;
}

/**
 * The field as the text of a JSON value, as it is stored; null when it is absent, null, or an empty attribute. An object below `data`
 * reads as absent: its fields are there one by one. Whether integers are quoted is a setting: `RAW_JSON_SETTINGS`.
 */
export function jsonOf(field: FieldReference): string {
  assertThat(isFieldReference(field), `field reference ${field}`);
  return `toJSONString(${field.startsWith('data.') ? jsonPath(field) : `nullIf(toString(${field}), '')`})`;
}

/** Numbers within JSON texts as the producer wrote them. Integers of columns come unquoted too: only text may be selected then. */
export const RAW_JSON_SETTINGS = { output_format_json_quote_64bit_integers: 0 } as const;

function jsonPath(field: FieldReference): string {
  return field
    .split('.')
    .map((part, index) => (index === 0 ? part : `\`${part}\``))
    .join('.');
}

/**
 * One condition over a text expression (see `FieldCondition` for what it means).
 *
 * @param text SQL that gives the text, '' when absent
 */
export function conditionSql(
  text: string,
  condition: Pick<FieldCondition, 'op' | 'value'>,
  parameters: SqlParameters,
): string {
  const { op, value } = condition;
  const one = () => parameters.bind('String', String(value));
  const isListed = () => {
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    const lists = textChunks(texts).map(
      (chunk) => `has(${parameters.bind('Array(String)', chunk)}, ${text})`,
    );
    return lists.length === 1 ? lists.join('') : `(${lists.join(' OR ')})`;
  };
  const number = () => `toFloat64OrNull(${text})`;
  const bound = () => parameters.bind('Float64', Number(value));
  switch (op) {
    case 'eq':
      return `(${text} = ${one()} AND ${text} != '')`;
    case 'ne':
      return `${text} != ${one()}`;
    case 'in':
      return `(${isListed()} AND ${text} != '')`;
    case 'nin':
      return `NOT ${isListed()}`;
    case 'gt':
      return `ifNull(${number()} > ${bound()}, false)`;
    case 'gte':
      return `ifNull(${number()} >= ${bound()}, false)`;
    case 'lt':
      return `ifNull(${number()} < ${bound()}, false)`;
    case 'lte':
      return `ifNull(${number()} <= ${bound()}, false)`;
    case 'contains':
      return `position(${text}, ${one()}) > 0`;
    case 'exists':
      return value === true ? `${text} != ''` : `${text} = ''`;
  }
}

/** WHERE of the raw rows that feed a measure. The organization is not optional. */
export function rawPredicate(measure: Measure, organization: string, parameters: SqlParameters): string {
  const isOfTypes = rawOfTypes(measure.eventTypes, organization, parameters);
  return [isOfTypes, ...filterConditions(measure.filters, parameters)].join(' AND ');
}

/** WHERE of the raw rows of some types. The organization is not optional. */
export function rawOfTypes(
  eventTypes: readonly string[],
  organization: string,
  parameters: SqlParameters,
): string {
  const types = eventTypes.map((type) => parameters.bind('String', type));
  return `organization = ${parameters.bind('String', organization)} AND type IN (${types.join(', ')})`;
}

/** One condition a filter, over raw rows; neither is ever null. */
export function filterConditions(filters: readonly FieldCondition[], parameters: SqlParameters): string[] {
  return filters.map((filter) => conditionSql(textOf(filter.field), filter, parameters));
}

/** WHERE of the rollup rows of a measure, the emptied ones left out: read with FINAL. The organization is not optional. */
export function rollupPredicate(measure: Measure, organization: string, parameters: SqlParameters): string {
  return `organization = ${parameters.bind('String', organization)} AND measure = ${parameters.bind('String', measure.fingerprint)} AND events > 0`;
}

/** Columns of a state row beside its bucket and dimensions, in the order of the rollup tables. */
export const STATE_COLUMNS = [
  'events',
  'value_count',
  'value_sum',
  'value_min',
  'value_max',
  'value_last',
  'last_time',
  'last_id',
  'quantile_state',
  'unique_state',
] as const;

type StateColumn = (typeof STATE_COLUMNS)[number];

/** What a state row holds that no event has come to, of the types of the columns. */
export const EMPTY_STATE: Readonly<Record<StateColumn, string>> = {
  events: 'toUInt64(0)',
  value_count: 'toUInt64(0)',
  value_sum: 'toDecimal128(0, 12)',
  value_min: `CAST(NULL, 'Nullable(Decimal(38, 12))')`,
  value_max: `CAST(NULL, 'Nullable(Decimal(38, 12))')`,
  value_last: `CAST(NULL, 'Nullable(Decimal(38, 12))')`,
  last_time: `toDateTime64(0, 9, 'UTC')`,
  last_id: `''`,
  quantile_state: `arrayReduce('quantilesDDState(${QUANTILE_RELATIVE_ERROR}, 0.5)', CAST([], 'Array(Float64)'))`,
  unique_state: `arrayReduce('uniqCombined64State(${UNIQUE_PRECISION})', CAST([], 'Array(String)'))`,
};

/**
 * SQL of each of `STATE_COLUMNS`, aggregating raw rows: the same in whatever order the rows come. What a measure does not keep is
 * constant, so it costs nothing.
 *
 * @param value the column that holds `rawValue` of the measure
 * @param condition the column that is true for the rows of the measure; null when all rows are
 */
export function rawStateExpressions(
  measure: Measure,
  { value, condition }: { readonly value: string; readonly condition: string | null },
): Readonly<Record<StateColumn, string>> {
  const events = condition === null ? 'count()' : `countIf(${condition})`;
  if (measure.value === null) return { ...EMPTY_STATE, events };
  const hasValue = measure.valueKind === 'text' ? `${value} != ''` : `isNotNull(${value})`;
  const present = condition === null ? hasValue : `${condition} AND ${hasValue}`;
  const counted = { ...EMPTY_STATE, events, value_count: `countIf(${present})` };
  if (measure.valueKind === 'text') {
    return { ...counted, unique_state: `uniqCombined64StateIf(${UNIQUE_PRECISION})(${value}, ${present})` };
  }
  // One aggregation for the engine: it sees that the three read the same
  const last = `maxIf((time, id, ${value}), ${present})`;
  const scaled = `toFloat64(ifNull(${value}, toDecimal128(0, 12))) * ${SKETCH_SCALE}`;
  const sketch = `quantilesDDStateIf(${QUANTILE_RELATIVE_ERROR}, 0.5)(${scaled}, ${present})`;
  return {
    ...counted,
    value_sum: `sumIf(ifNull(${value}, toDecimal128(0, 12)), ${present})`,
    value_min: `minIf(${value}, ${present})`,
    value_max: `maxIf(${value}, ${present})`,
    value_last: `tupleElement(${last}, 3)`,
    last_time: `tupleElement(${last}, 1)`,
    last_id: `tupleElement(${last}, 2)`,
    ...(measure.quantileSketch ? { quantile_state: sketch } : {}),
  };
}

/** `expression AS column` for each of `STATE_COLUMNS`, aggregating the raw rows of one measure, its value in a column `value`. */
export function rawStateColumns(measure: Measure): string {
  const expressions = rawStateExpressions(measure, { value: 'value', condition: null });
  return STATE_COLUMNS.map((column) => `${expressions[column]} AS ${column}`).join(',\n    ');
}

/** The measure's value of one raw row: Nullable(Decimal(38, 12)), or text that is '' when absent; '' when it reads none. */
export function rawValue(measure: Measure): string {
  if (measure.value === null) return `''`;
  return measure.valueKind === 'text' ? textOf(measure.value) : numberOf(measure.value);
}

/** The measure's value as a column named `value` of a subquery over raw. */
export function rawValueColumn(measure: Measure): string {
  return `${rawValue(measure)} AS value`;
}

/** `expression AS column` for each of `STATE_COLUMNS`, merging state rows. Finish with `finishedColumns`. */
export const MERGED_COLUMNS = {
  events: 'sum(events)',
  valueCount: 'sum(value_count)',
  sum: 'sum(value_sum)',
  min: 'min(value_min)',
  max: 'max(value_max)',
  last: 'argMaxIf(value_last, (last_time, last_id, value_last), isNotNull(value_last))',
  unique: `uniqCombined64Merge(${UNIQUE_PRECISION})(unique_state)`,
} as const;

/** The scaled quantiles of one state, without aggregating rows. */
export function scaledQuantilesOf(state: string, levels: readonly number[]): string {
  return `arrayReduce('${quantilesMerge(levels)}', [${state}])`;
}

function quantilesMerge(levels: readonly number[]): string {
  for (const level of levels) assertThat(level > 0 && level < 1, `quantile level ${level}`);
  return `quantilesDDMerge(${[QUANTILE_RELATIVE_ERROR, ...levels].join(', ')})`;
}

/** An array of quantiles in the order of the levels (NaN or null when there was no value). */
export function mergedQuantiles(levels: readonly number[]): string {
  const scaled = `${quantilesMerge(levels)}(quantile_state)`;
  return `arrayMap(scaled -> scaled / ${SKETCH_SCALE}, ${scaled})`;
}

/** Milliseconds since the epoch of a raw row's event time, and of a rollup row's bucket. */
export const RAW_TIME_MS = 'toUnixTimestamp64Milli(time)';
export const ROLLUP_BUCKET_MS = 'toInt64(toUnixTimestamp(bucket)) * 1000';

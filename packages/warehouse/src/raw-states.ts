/**
 * State rows of many measures from one scan of raw. Measures over the same event types and rolled-up dimensions are one
 * *combination*: its rows are read and grouped once, each measure's states are aggregated over the rows that its filters let through,
 * and each group becomes one row a measure.
 *
 * Planning costs more than reading when there are few rows, and it grows with the SELECTs (25 ms each, measured on 26.7) and with what
 * they say: that is why filters do not part combinations, and why whatever measures have in common is written once.
 */
import { TIER_WIDTH_MS } from '@tidemark/core';
import type { FieldReference, Measure, OrganizationId, Tier } from '@tidemark/core';
import {
  filterConditions,
  RAW_TIME_MS,
  rawOfTypes,
  rawStateExpressions,
  rawValue,
  type SqlParameters,
  STATE_COLUMNS,
  textOf,
} from './measure-sql.ts';

interface RawSource {
  readonly organization: OrganizationId;
  readonly tier: Tier;
  /** WHERE of the raw rows of the buckets. */
  readonly isInBucket: string;
}

/** The measures by event types and rolled-up dimensions, in the order of the first of each. */
export function combinationsOf(measures: readonly Measure[]): readonly (readonly Measure[])[] {
  const combinations = new Map<string, Measure[]>();
  for (const measure of measures) {
    const key = JSON.stringify([measure.eventTypes, rolledUpFields(measure)]);
    const known = combinations.get(key);
    if (known === undefined) combinations.set(key, [measure]);
    else known.push(measure);
  }
  return [...combinations.values()];
}

/**
 * State rows (measure, bucket, dimensions, `STATE_COLUMNS`) of one combination: one for each measure, bucket and dimensions that have
 * an event.
 */
export function combinedStates(
  measures: readonly Measure[],
  { organization, tier, isInBucket }: RawSource,
  parameters: SqlParameters,
): string {
  const [first] = measures;
  if (first === undefined) throw new Error('Assertion failed: a combination has a measure');
  const width = TIER_WIDTH_MS[tier];
  const values = new NamedColumns('v');
  const conditions = new NamedColumns('c');
  const states = new NamedColumns('s');
  const rows = measures.map((measure) => {
    const value = measure.value === null ? '' : values.nameOf(rawValue(measure));
    const condition =
      measure.filters.length === 0
        ? null
        : conditions.nameOf(
            JSON.stringify(measure.filters),
            () => `(${filterConditions(measure.filters, parameters).join(' AND ')})`,
          );
    const expressions = rawStateExpressions(measure, { value, condition });
    return STATE_COLUMNS.map((column) => states.nameOf(expressions[column]));
  });
  const fingerprints = measures.map((measure) => parameters.bind('String', measure.fingerprint));
  const unfolded = STATE_COLUMNS.map(
    (column, index) => `[${rows.map((row) => row[index]).join(', ')}] AS ${column}`,
  );
  const isOfSome = measures.some((measure) => measure.filters.length === 0)
    ? ''
    : `\n        AND (${conditions.names().join(' OR ')})`;
  return `SELECT measure, toDateTime(bucket_s, 'UTC') AS bucket, dimensions, ${STATE_COLUMNS.join(', ')}
  FROM (
    SELECT bucket_s, dimensions,
      ${states.columns().join(',\n      ')}
    FROM (
      SELECT
        time, id,
        intDiv(${RAW_TIME_MS}, ${width}) * ${width / 1000} AS bucket_s,
        ${[`CAST([${rolledUpFields(first).map(textOf).join(', ')}], 'Array(String)') AS dimensions`, ...values.columns(), ...conditions.columns()].join(',\n        ')}
      FROM events
      WHERE ${rawOfTypes(first.eventTypes, organization, parameters)}
        AND ${isInBucket}${isOfSome}
    )
    GROUP BY bucket_s, dimensions
  )
  ARRAY JOIN [${fingerprints.join(', ')}] AS measure,
    ${unfolded.join(',\n    ')}
  WHERE events > 0`;
}

/** What `dimensions` of a state row hold, in their order. */
function rolledUpFields(measure: Measure): readonly FieldReference[] {
  return measure.dimensions.filter((dimension) => dimension.rolledUp).map((dimension) => dimension.field);
}

/** Columns of a subquery, each there once however many ask for it. */
class NamedColumns {
  readonly #prefix: string;
  readonly #columns = new Map<string, { readonly name: string; readonly sql: string }>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @param key the same for the same column: its SQL, unless that binds parameters */
  nameOf(key: string, toSql: () => string = () => key): string {
    const known = this.#columns.get(key);
    if (known !== undefined) return known.name;
    const name = `${this.#prefix}${this.#columns.size}`;
    this.#columns.set(key, { name, sql: toSql() });
    return name;
  }

  names(): readonly string[] {
    return [...this.#columns.values()].map(({ name }) => name);
  }

  columns(): readonly string[] {
    return [...this.#columns.values()].map(({ name, sql }) => `${sql} AS ${name}`);
  }
}

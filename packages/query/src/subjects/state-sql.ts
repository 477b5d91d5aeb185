/**
 * The SQL of metrics over the present states of subjects: the attributes of each subject side by side, those whose `at` lies in the
 * range and that the filters let through, by output bucket and dimensions.
 */
import {
  assertThat,
  type CatalogueStateMetric,
  type ElapsedTime,
  type FilterNode,
  type OrganizationId,
  type Targets,
  toDecimal,
} from '@tidemark/core';
import { conditionSql, SqlParameters, type Statement } from '@tidemark/warehouse';
import type { BucketAxis } from '../bucket-axis.ts';
import { conditionsOf, filterSql } from '../filters.ts';
import type { StatementLimits } from '../limits.ts';
import type { Interval } from '../plan.ts';
import { bindBuckets, type GroupChoice, groupsSql } from '../state-rows.ts';
import { limited } from '../statement.ts';
import { attributeOf, type Pivot, pivotOf } from './pivot.ts';

export interface StateRequest {
  readonly organization: OrganizationId;
  /** Of one subject, with the same `at` and filters: they look at the same subjects. */
  readonly metrics: readonly CatalogueStateMetric[];
  /** Grouped by, in the order in which rows give their values (`d0`, `d1`, …). */
  readonly groupBy: readonly string[];
  /** All must hold. Their dimensions, and those of `groupBy`, are attributes of the subject. */
  readonly filters: readonly FilterNode[];
  /** In which `at` lies. */
  readonly range: Interval;
  /** Null for one figure over the whole range. */
  readonly buckets: BucketAxis | null;
  /** Subjects of some groups only; null for all. */
  readonly groups: GroupChoice | null;
  /** In place of the declared ones. */
  readonly targets: Targets | null;
  /** `rawBesideFacts` */
  readonly rawIntervals: readonly Interval[];
}

/** What a time elapsed is counted in until it is finished: exact. */
const UNIT_NS: Readonly<Record<ElapsedTime['unit'], number>> = {
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  h: 3_600e9,
  d: 86_400e9,
};
/** Farther from zero than any value; as far as Decimal(38, 12) goes without trouble. */
const TARGET_MAGNITUDE_MAX = 1e24;

/**
 * Rows `{point?, d0…, f_subjects, m0, m0_count?, m1…}`: figures of the metrics in order, as text, null where there was no value. A time
 * elapsed is in nanoseconds. An average is told as its sum, beside the count. Without bucket and group there is always a row.
 */
export function stateStatement(request: StateRequest, limits: StatementLimits): Statement {
  const parameters = new SqlParameters();
  const rows = stateSubjects(request, parameters);
  const figures = request.metrics.flatMap(({ declaration }, index) => {
    const figure = `${figureOf(declaration, `v${index}`, `t${index}`)} AS m${index}`;
    return declaration.aggregation === 'avg'
      ? [figure, `toString(count(v${index})) AS m${index}_count`]
      : [figure];
  });
  const sql = `SELECT ${[...rows.keys, 'toString(count()) AS f_subjects', ...figures].join(', ')}
FROM (
${rows.sql}
)${rows.keys.length === 0 ? '' : `\nGROUP BY ${rows.keys.join(', ')}`}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

/**
 * Rows `{d0…, bin, bin_count}`: how many values of the one metric lie in each bin; bins without one are left out. Bin i holds the values
 * that are not below exactly i of the bounds.
 *
 * @param bounds ascending decimals, as text; of a time elapsed in nanoseconds
 */
export function stateBinsStatement(
  request: StateRequest,
  bounds: readonly string[],
  limits: StatementLimits,
): Statement {
  const parameters = new SqlParameters();
  const { sql: rows, keys } = stateSubjects(request, parameters);
  const bound = `arrayMap(bound -> toDecimal128(bound, 12), ${parameters.bind('Array(String)', bounds)})`;
  const sql = `SELECT ${[...keys, ''].join(', ')}arrayCount(bound -> bound <= assumeNotNull(v0), ${bound}) AS bin, toString(count()) AS bin_count
FROM (
${rows}
)
WHERE isNotNull(v0)
GROUP BY ${[...keys, 'bin'].join(', ')}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

/** One row a subject: the keys, and for each metric its value `v0`… and its target `t0`…. */
function stateSubjects(
  request: StateRequest,
  parameters: SqlParameters,
): { readonly sql: string; readonly keys: readonly string[] } {
  const { metrics, groupBy, filters, range, buckets, groups, organization, rawIntervals } = request;
  const [first] = metrics;
  if (first === undefined) throw new Error('Assertion failed: a question about states has a metric');
  const { at, filters: own = [] } = first.declaration;
  const pivot = pivotOf(
    {
      organization,
      subject: first.subject,
      keys: [
        at,
        ...own.map(({ field }) => field),
        ...groupBy,
        ...conditionsOf(filters).map(({ dimension }) => dimension),
        ...(groups?.dimensions ?? []),
        ...metrics.flatMap((metric) => attributesRead(metric, request.targets)),
      ],
      withPresence: false,
      rawIntervals,
    },
    parameters,
  );
  const pointOf = buckets === null ? null : bindBuckets(buckets, parameters);
  const keys = [...(pointOf === null ? [] : ['point']), ...groupBy.map((_, index) => `d${index}`)];
  const columns = [
    ...(pointOf === null ? [] : [`${pointOf('at_ms')} AS point`]),
    ...groupBy.map((key, index) => `${pivot.text(key)} AS d${index}`),
    ...metrics.flatMap((metric, index) => [
      `${valueOf(metric, pivot)} AS v${index}`,
      `${targetOf(metric, request.targets, pivot, parameters)} AS t${index}`,
    ]),
  ];
  const where = [
    `at_ms >= ${parameters.bind('Int64', range.fromMs)}`,
    `at_ms < ${parameters.bind('Int64', range.toMs)}`,
    ...own.map((filter) => conditionSql(pivot.text(filter.field), filter, parameters)),
    ...filters.map((filter) => filterSql(filter, (key) => pivot.text(key), parameters)),
    ...(groups === null ? [] : [groupsSql(groups, (key) => pivot.text(key), parameters)]),
  ];
  const sql = `SELECT ${columns.join(', ')}
FROM (
SELECT *, ifNull(toUnixTimestamp64Milli(${pivot.time(at)}), -1) AS at_ms
FROM (
${pivot.sql}
)
)
WHERE ${where.join('\n  AND ')}`;
  return { sql, keys };
}

function attributesRead({ declaration }: CatalogueStateMetric, targets: Targets | null): string[] {
  const { value } = declaration;
  const held = targetsOf(declaration, targets);
  return [
    ...(value === undefined ? [] : typeof value === 'string' ? [value] : [value.since, value.until]),
    ...(held === null ? [] : [held.attribute]),
  ];
}

/** Null of a metric that is not held to targets. */
function targetsOf(
  { aggregation, targets }: CatalogueStateMetric['declaration'],
  instead: Targets | null,
): Targets | null {
  if (aggregation !== 'within' && aggregation !== 'targeted') return null;
  return instead ?? targets ?? null;
}

/** Nullable(Decimal(38, 12)); Nullable(String) where values of any type are counted. */
function valueOf({ declaration, subject }: CatalogueStateMetric, pivot: Pivot): string {
  const { value, aggregation } = declaration;
  if (value === undefined) return 'NULL';
  if (typeof value !== 'string') {
    const nanoseconds = (key: string) => `toUnixTimestamp64Nano(${pivot.time(key)})`;
    const elapsed = `${nanoseconds(value.until)} - ${nanoseconds(value.since)}`;
    return `if(ifNull(${elapsed} >= 0, false), toDecimal128(${elapsed}, 12), NULL)`;
  }
  const isNumber = attributeOf(subject, value).declaration.type === 'number' && aggregation !== 'unique';
  return isNumber ? pivot.number(value) : `nullIf(${pivot.text(value)}, '')`;
}

/** Nullable(Decimal(38, 12)): what the value is held to. */
function targetOf(
  { declaration }: CatalogueStateMetric,
  instead: Targets | null,
  pivot: Pivot,
  parameters: SqlParameters,
): string {
  const targets = targetsOf(declaration, instead);
  if (targets === null) return 'NULL';
  const { attribute, values, otherwise } = targets;
  const unitNs = unitNsOf(declaration);
  const decimal = (target: number) => {
    const exact = toDecimal(target).times(unitNs);
    const bounded = exact.abs().lessThan(TARGET_MAGNITUDE_MAX)
      ? exact
      : toDecimal(TARGET_MAGNITUDE_MAX).times(Math.sign(target));
    return bounded.toDecimalPlaces(12).toFixed();
  };
  const bind = (type: string, value: string | readonly string[]) => parameters.bind(type, value);
  const names = bind('Array(String)', Object.keys(values));
  const held = bind('Array(String)', Object.values(values).map(decimal));
  const text = pivot.text(attribute);
  const rest = otherwise === null ? 'NULL' : `toDecimal128(${bind('String', decimal(otherwise))}, 12)`;
  return `if(has(${names}, ${text}), toDecimal128OrNull(${held}[indexOf(${names}, ${text})], 12), ${rest})`;
}

/** In how many of what the SQL counts the metric's unit is told. */
export function unitNsOf({ value }: CatalogueStateMetric['declaration']): number {
  return typeof value === 'object' ? UNIT_NS[value.unit] : 1;
}

function figureOf(
  { aggregation, value, level = 0.5 }: CatalogueStateMetric['declaration'],
  column: string,
  target: string,
): string {
  switch (aggregation) {
    case 'count':
      return `toString(count(${value === undefined ? '' : column}))`;
    case 'sum':
    case 'avg':
      return `toString(sum(${column}))`;
    case 'min':
    case 'max':
      return `toString(${aggregation}(${column}))`;
    case 'unique':
      return `toString(uniqExact(${column}))`;
    case 'quantile':
      assertThat(level > 0 && level < 1, `quantile level ${level}`);
      return `toString(quantileExact(${level})(${column}))`;
    case 'within':
      return `toString(countIf(ifNull(${column} <= ${target}, false)))`;
    case 'targeted':
      return `toString(countIf(isNotNull(${column}) AND isNotNull(${target})))`;
  }
}

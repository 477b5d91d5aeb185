import type { Answer, Cell, Query, Series, TableColumn, TableRow } from '@tidemark/core';

/** An answer as a table: one row for each group and bucket. */
export interface AnswerTable {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface AnswerContext {
  readonly query: Query;
  readonly organization: string;
  readonly generatedAt: string;
  /** Names of the metrics whose values are exact decimals (money), whatever this answer holds of them. */
  readonly exactMetrics: ReadonlySet<string>;
}

/** What a column of exact decimals takes: 26 digits before the point, 12 behind it. */
const EXACT = /^-?\d{1,26}(?:\.\d{1,12})?$/;

/**
 * Columns: the dimensions, `is_other` (when asked for), `start`, `end`, one for each metric, `partial`; with a comparison also
 * `compared_start`, `compared_end`, and `<metric>.compared` and `<metric>.change_percent` for each metric. A name that is taken gets `_2`.
 * Groups come as ranked, their buckets in order. Values are those of the answer.
 */
export function toAnswerTable(answer: Answer, context: AnswerContext): AnswerTable {
  const { query } = context;
  const groupBy = query.groupBy ?? [];
  const metrics = query.metrics.map((metric) => (typeof metric === 'string' ? metric : metric.as));
  const distinct = [...new Set(metrics)];
  const isCompared = query.compare !== undefined;
  const numbers = (suffix: string): TableColumn[] =>
    distinct.map((metric) => ({ name: `${metric}${suffix}`, type: typeOf(metric, answer, context) }));
  const columns: TableColumn[] = [
    ...groupBy.map((name): TableColumn => ({ name, type: 'text' })),
    ...(query.other === true ? [{ name: 'is_other', type: 'boolean' as const }] : []),
    { name: 'start', type: 'time' },
    { name: 'end', type: 'time' },
    ...numbers(''),
    { name: 'partial', type: 'boolean' },
  ];
  if (isCompared) {
    columns.push({ name: 'compared_start', type: 'time' }, { name: 'compared_end', type: 'time' });
    columns.push(...numbers('.compared'));
    columns.push(
      ...distinct.map((metric): TableColumn => ({ name: `${metric}.change_percent`, type: 'number' })),
    );
  }
  const rows = groupsOf(answer.series).flatMap((group) => {
    const [first] = group;
    const keys: Cell[] = groupBy.map((name) => first?.dimensions[name] ?? null);
    if (query.other === true) keys.push(first?.isOther === true);
    return rowsOf(group, distinct, isCompared).map((cells): TableRow => [...keys, ...cells]);
  });
  return { columns: withUniqueNames(columns), rows, metadata: metadataOf(answer, context) };
}

function metadataOf(
  answer: Answer,
  { query, organization, generatedAt }: AnswerContext,
): AnswerTable['metadata'] {
  const { from, to, granularity, timeZone, completeThrough, tiersRead, estimates } = answer;
  const { groupsOmitted, nextCursor } = answer;
  const worth = { completeThrough, tiersRead, estimates, groupsOmitted, nextCursor };
  return { question: query, organization, generatedAt, from, to, granularity, timeZone, ...worth };
}

function typeOf(metric: string, { series }: Answer, { exactMetrics }: AnswerContext): TableColumn['type'] {
  let isExact = exactMetrics.has(metric);
  for (const one of series) {
    if (one.metric !== metric) continue;
    for (const { value } of [...one.points, ...(one.compared?.points ?? [])]) {
      if (typeof value !== 'string') continue;
      if (!EXACT.test(value)) return 'number';
      isExact = true;
    }
  }
  return isExact ? 'decimal' : 'number';
}

/** The series of each group, metric by metric, groups in the order of the answer. */
function groupsOf(series: readonly Series[]): Series[][] {
  const groups = new Map<string, Series[]>();
  for (const one of series) {
    const key = JSON.stringify([one.isOther === true, one.dimensions]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

/** One row for each bucket in which any metric has a point. */
function rowsOf(group: readonly Series[], metrics: readonly string[], isCompared: boolean): Cell[][] {
  const ordered = metrics.map((metric) => group.find((series) => series.metric === metric));
  const byStart = ordered.map(
    (series) => new Map(series?.points.map((point, index) => [point.start, { point, index }])),
  );
  const starts = [...new Set(group.flatMap(({ points }) => points.map(({ start }) => start)))].toSorted();
  return starts.map((start) => {
    const found = byStart.map((points) => points.get(start));
    const any = found.find((one) => one !== undefined)?.point;
    const cells: Cell[] = [
      start,
      any?.end ?? null,
      ...found.map((one) => one?.point.value ?? null),
      any?.partial ?? null,
    ];
    if (!isCompared) return cells;
    const compared = ordered.map((series, metric) => series?.compared?.points[found[metric]?.index ?? -1]);
    const base = compared.find((point) => point !== undefined);
    cells.push(base?.start ?? null, base?.end ?? null, ...compared.map((point) => point?.value ?? null));
    cells.push(...ordered.map((series) => series?.compared?.changePercent ?? null));
    return cells;
  });
}

function withUniqueNames(columns: readonly TableColumn[]): TableColumn[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    let { name } = column;
    for (let count = 2; taken.has(name); count += 1) name = `${column.name}_${count}`;
    taken.add(name);
    return { ...column, name };
  });
}

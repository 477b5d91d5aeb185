/** From the answers of the engine to the sections of a view. Pure. */
import {
  type Answer,
  AppError,
  type Catalogue,
  type CatalogueMetric,
  type MetricSelection,
  type MetricValue,
  type Point,
  type Series,
  toDecimal,
  type Trend,
  TREND_VALUES_MAX,
  trendOf,
} from '@tidemark/core';

/** What every answered question tells of itself. */
export type SectionContext = Omit<Answer, 'series' | 'groupsOmitted' | 'nextCursor'>;

export interface FigureAnswer {
  readonly value: MetricValue;
  /** Null for an expression of the asker's without one. */
  readonly unit: string | null;
  readonly partial: boolean;
  /** Of the compared range; absent when nothing is compared. */
  readonly previous?: MetricValue;
  readonly changePercent?: number | null;
}

export interface FiguresSection extends SectionContext {
  readonly kind: 'figures';
  readonly title: string;
  readonly figures: Readonly<Record<string, FigureAnswer>>;
}

export interface SeriesSection extends SectionContext {
  readonly kind: 'series';
  readonly title: string;
  readonly units: Readonly<Record<string, string | null>>;
  readonly series: readonly Series[];
  readonly groupsOmitted: number;
}

export interface TableRow {
  readonly dimensions: Series['dimensions'];
  /** True: everything beyond the rows shown, together. */
  readonly isOther: boolean;
  readonly values: Readonly<Record<string, MetricValue>>;
  /** Of each metric; absent when nothing is compared. */
  readonly changePercent?: Readonly<Record<string, number | null>>;
  /** Of the first metric's total, 0 to 1; null unless that metric adds up (a count or a sum). */
  readonly share: number | null;
}

export interface TableSection extends SectionContext {
  readonly kind: 'table';
  readonly title: string;
  readonly units: Readonly<Record<string, string | null>>;
  readonly rows: readonly TableRow[];
  readonly groupsOmitted: number;
  readonly nextCursor: string | null;
}

export interface TrendSection extends SectionContext {
  readonly kind: 'trend';
  readonly title: string;
  readonly unit: string | null;
  readonly points: readonly Point[];
  /** Of the points that are complete. */
  readonly trend: Trend;
}

function unitsOf(
  selections: readonly MetricSelection[],
  catalogue: Catalogue,
): Record<string, string | null> {
  const unitOf = (key: string) => catalogue.metric(key)?.declaration.unit ?? null;
  return Object.fromEntries(
    selections.map((selection) => {
      if (typeof selection === 'string') return [selection, unitOf(selection)];
      const unit = 'metric' in selection ? unitOf(selection.metric) : (selection.unit ?? null);
      return [selection.as, unit];
    }),
  );
}

function contextOf({
  series: _series,
  groupsOmitted: _omitted,
  nextCursor: _next,
  ...context
}: Answer): SectionContext {
  return context;
}

export interface SectionMaterial {
  readonly title: string;
  readonly answer: Answer;
  readonly selections: readonly MetricSelection[];
  readonly catalogue: Catalogue;
}

/** Of a question without groups and granularity. */
export function toFigures({ title, answer, selections, catalogue }: SectionMaterial): FiguresSection {
  const units = unitsOf(selections, catalogue);
  const figures = answer.series.map(({ metric, points, compared }): [string, FigureAnswer] => {
    const [point] = points;
    const figure = {
      value: point?.value ?? null,
      unit: units[metric] ?? null,
      partial: point?.partial ?? true,
    };
    if (compared === undefined) return [metric, figure];
    return [
      metric,
      {
        ...figure,
        previous: compared.points[0]?.value ?? null,
        changePercent: compared.changePercent,
      },
    ];
  });
  return { kind: 'figures', title, ...contextOf(answer), figures: Object.fromEntries(figures) };
}

export function toSeries({ title, answer, selections, catalogue }: SectionMaterial): SeriesSection {
  const { series, groupsOmitted } = answer;
  const units = unitsOf(selections, catalogue);
  return { kind: 'series', title, ...contextOf(answer), units, series, groupsOmitted };
}

/** Of a question without granularity: a row for each group. */
export function toTable({ title, answer, selections, catalogue }: SectionMaterial): TableSection {
  const byGroup = new Map<string, Series[]>();
  for (const one of answer.series) {
    const key = JSON.stringify([one.isOther === true, one.dimensions]);
    byGroup.set(key, [...(byGroup.get(key) ?? []), one]);
  }
  const rows = [...byGroup.values()].map((group): Omit<TableRow, 'share'> => {
    const changes = group.flatMap(({ metric, compared }) =>
      compared === undefined ? [] : [[metric, compared.changePercent] as const],
    );
    return {
      dimensions: group[0]?.dimensions ?? {},
      isOther: group[0]?.isOther === true,
      values: Object.fromEntries(group.map(({ metric, points }) => [metric, points[0]?.value ?? null])),
      ...(changes.length === 0 ? {} : { changePercent: Object.fromEntries(changes) }),
    };
  });
  const shareOf = shares(rows, selections[0], catalogue);
  return {
    kind: 'table',
    title,
    ...contextOf(answer),
    units: unitsOf(selections, catalogue),
    rows: rows.map((row) => ({ ...row, share: shareOf(row) })),
    groupsOmitted: answer.groupsOmitted,
    nextCursor: answer.nextCursor,
  };
}

function shares(
  rows: readonly Omit<TableRow, 'share'>[],
  first: MetricSelection | undefined,
  catalogue: Catalogue,
): (row: Omit<TableRow, 'share'>) => number | null {
  if (typeof first !== 'string' || !addsUp(catalogue.metric(first))) return () => null;
  const valueOf = (row: Omit<TableRow, 'share'>) => toDecimal(row.values[first] ?? 0);
  const total = rows.reduce((sum, row) => sum.plus(valueOf(row)), toDecimal(0));
  return (row) => (total.isZero() ? null : valueOf(row).dividedBy(total).toNumber());
}

/** Whether the values of groups sum up to that of all. */
export function addsUp(metric: CatalogueMetric | null): boolean {
  if (metric === null || metric.kind === 'derived') return false;
  return metric.declaration.aggregation === 'count' || metric.declaration.aggregation === 'sum';
}

/** Of a question about one metric, without groups. @throws query-too-expensive beyond `TREND_VALUES_MAX` points */
export function toTrend({ title, answer, selections, catalogue }: SectionMaterial): TrendSection {
  const points = answer.series[0]?.points ?? [];
  if (points.length > TREND_VALUES_MAX) {
    throw new AppError(
      'query-too-expensive',
      `A trend is told of at most ${TREND_VALUES_MAX} points, and this range has ${points.length}: ask for a shorter range or a coarser granularity`,
    );
  }
  const complete = points.filter(({ partial }) => !partial);
  return {
    kind: 'trend',
    title,
    ...contextOf(answer),
    unit: Object.values(unitsOf(selections, catalogue))[0] ?? null,
    points,
    trend: trendOf(complete.map(({ value }) => (value === null ? null : Number(value)))),
  };
}

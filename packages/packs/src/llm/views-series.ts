import type { ViewDeclaration } from '@tidemark/core';
import { COMPARE, equal, FILTERS, granularity, limit, only, range, TIME_ZONE } from '../view-parts.ts';
import { SESSION_FIGURES, SIDES, USER_FIGURES, type Side } from './figures.ts';

const NULLS = 'Rates, averages and percentiles are null where nothing happened.';

function withoutPrefix(metric: string): string {
  return metric.slice('llm.'.length);
}

function metricsOf({ key, figures }: Side): readonly string[] {
  return key === 'behavior' ? [...figures, ...SESSION_FIGURES, ...USER_FIGURES] : figures;
}

/** `GET aggregated/{type}`. */
export const aggregatedViews: readonly ViewDeclaration[] = SIDES.map((side) => ({
  key: `llm.aggregated_${side.key}`,
  title: `${side.title}, totals`,
  description: `Totals over the range, and the same for each value of one dimension, the greatest first. ${NULLS}`,
  path: `aggregated/${side.key}`,
  methods: ['GET'],
  role: side.role,
  parameters: [
    {
      name: 'group_by',
      type: 'string',
      enum: side.dimensions,
      description: 'By what the groups are made.',
      default: side.dimensions[0] ?? '',
    },
    ...range('now-30d'),
    COMPARE,
    limit(20, 'groups'),
    ...side.only.map(([name, what]) => only(name, what)),
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'In all',
      query: {
        metrics: side.figures,
        compare: '{compare}',
        filters: side.only.map(([name]) => equal(name)),
      },
    },
    {
      kind: 'table',
      key: 'groups',
      title: 'By group',
      query: {
        metrics: side.figures,
        groupBy: ['{group_by}'],
        compare: '{compare}',
        filters: side.only.map(([name]) => equal(name)),
        orderBy: { metric: side.figures[0] ?? '', direction: 'desc' },
        limit: '{limit}',
      },
    },
  ],
}));

/** `GET time-series/{type}/{name}`. */
export const timeSeriesViews: readonly ViewDeclaration[] = SIDES.map((side) => ({
  key: `llm.time_series_${side.key}`,
  title: `${side.title}, one metric over time`,
  description: `Points of one metric; null where nothing happened, counts and sums too. ${NULLS}`,
  path: `time-series/${side.key}/{name}`,
  methods: ['GET'],
  role: side.role,
  parameters: [
    {
      name: 'name',
      type: 'string',
      enum: metricsOf(side).map(withoutPrefix),
      description: 'The metric, without the pack: `llm.{name}`.',
    },
    ...range('now-30d'),
    granularity('day'),
    COMPARE,
    TIME_ZONE,
    FILTERS,
  ],
  sections: [
    {
      kind: 'series',
      key: 'series',
      title: side.title,
      query: {
        metrics: ['llm.{name}'],
        granularity: '{granularity}',
        compare: '{compare}',
        fill: 'null',
      },
    },
  ],
}));

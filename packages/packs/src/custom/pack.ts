import type { BaseMetric, MetricDeclaration, Pack, ViewDeclaration, ViewSection } from '@tidemark/core';
import { statistics } from '../statistics.ts';
import { granularity, range, TIME_ZONE } from '../view-parts.ts';

const MEASUREMENTS = {
  kind: 'base',
  eventTypes: ['metric.recorded'],
  dimensions: ['name', 'kind'],
  // What was measured is the sender's to know.
  unit: '1',
  direction: 'neutral',
} as const satisfies Partial<BaseMetric>;

const VALUE = { ...MEASUREMENTS, value: 'data.value' } as const satisfies Partial<BaseMetric>;

const metrics: readonly MetricDeclaration[] = [
  {
    ...MEASUREMENTS,
    key: 'custom.recorded',
    title: 'Measurements',
    description: 'How many measurements were recorded.',
    unit: '{measurement}',
    aggregation: 'count',
  },
  ...statistics(VALUE, 'custom.value', 'Value', { value: 'value', of: 'measurements' }, [
    'sum',
    'avg',
    'min',
    'max',
    'p50',
    'p95',
    'p99',
  ]),
  {
    ...VALUE,
    key: 'custom.value_last',
    title: 'Value, last',
    description: 'The value of the newest measurement: what a gauge shows.',
    aggregation: 'last',
  },
];

const ALL_VALUES = [
  'custom.recorded',
  'custom.value_sum',
  'custom.value_avg',
  'custom.value_min',
  'custom.value_max',
  'custom.value_last',
  'custom.value_p50',
  'custom.value_p95',
  'custom.value_p99',
];

const views: readonly ViewDeclaration[] = [
  {
    key: 'custom.metric',
    title: 'One recorded metric',
    description:
      'Everything about the measurements recorded under one name. Of a counter read the sum, of a gauge the last value, of a histogram the percentiles. Null where nothing was recorded.',
    path: 'custom/{name}',
    methods: ['GET'],
    parameters: [
      { name: 'name', type: 'string', description: 'The name that was recorded.' },
      ...range('now-24h'),
      granularity('hour'),
      TIME_ZONE,
    ],
    sections: [
      {
        kind: 'figures',
        key: 'totals',
        title: 'Whole range',
        query: {
          metrics: ALL_VALUES,
          filters: [{ dimension: 'name', op: 'eq', value: '{name}' }],
          compare: 'previous_period',
        },
      },
      {
        kind: 'series',
        key: 'series',
        title: 'Over time',
        query: {
          metrics: ['custom.value_sum', 'custom.value_avg', 'custom.value_last'],
          granularity: '{granularity}',
          filters: [{ dimension: 'name', op: 'eq', value: '{name}' }],
          fill: 'null',
        },
      },
    ],
  },
];

const dashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'totals',
    title: 'Measurements',
    query: { metrics: ['custom.recorded'], compare: 'previous_period' },
  },
  {
    kind: 'series',
    key: 'recorded_by_name',
    title: 'Measurements by name',
    query: {
      metrics: ['custom.recorded'],
      granularity: '{granularity}',
      groupBy: ['name'],
      orderBy: { metric: 'custom.recorded', direction: 'desc' },
      limit: 8,
      fill: 'zero',
    },
  },
  {
    kind: 'table',
    key: 'values_by_name',
    title: 'Values by name',
    query: {
      metrics: ALL_VALUES,
      groupBy: ['name', 'kind'],
      orderBy: { metric: 'custom.recorded', direction: 'desc' },
      limit: 50,
    },
  },
];

/** A caller's own measurements, recorded by name, kind, value and labels. */
export const custom: Pack = {
  key: 'custom',
  title: 'Your own metrics',
  description:
    'Measurements of your own, recorded by name, kind, value and labels, without declaring anything.',
  eventTypes: [
    {
      type: 'metric.recorded',
      title: 'Measurement',
      description: 'One measurement of a metric that its sender names.',
      fields: [
        { field: 'data.name', type: 'string', description: 'What was measured.' },
        {
          field: 'data.kind',
          type: 'string',
          description: '`counter`: an increment. `gauge`: a level. `histogram`: one observation of many.',
        },
        { field: 'data.value', type: 'number', description: 'The value; decimal text keeps every digit.' },
        {
          field: 'data.labels',
          type: 'labels',
          description: 'What tells it apart from others of its name; a metric of your own may read each.',
        },
      ],
    },
  ],
  dimensions: [
    { key: 'name', title: 'Name', field: 'data.name', rolledUp: true },
    { key: 'kind', title: 'Kind', field: 'data.kind', rolledUp: true },
  ],
  metrics,
  subjects: [],
  importMappings: [],
  recorders: [
    {
      name: null,
      title: 'Measurement',
      eventType: 'metric.recorded',
      fields: [
        {
          from: 'name',
          field: 'data.name',
          type: 'string',
          required: true,
          pattern: '[A-Za-z_][A-Za-z0-9_.:-]{0,127}',
        },
        {
          from: 'type',
          field: 'data.kind',
          type: 'string',
          required: true,
          enum: ['counter', 'gauge', 'histogram'],
        },
        { from: 'value', field: 'data.value', type: 'number', required: true },
        { from: 'labels', field: 'data.labels', type: 'labels', required: false },
      ],
    },
  ],
  views,
  dashboard,
};

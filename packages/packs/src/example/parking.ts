import type { Pack } from '@tidemark/core';

/** How full car parks are, how long cars stay and what they pay. */
export const parking: Pack = {
  key: 'parking',
  title: 'Car parks',
  description: 'How full car parks are, how long cars stay and what they pay.',
  // What producers send: a type of its own for each thing that happens.
  eventTypes: [
    {
      type: 'car.entered',
      title: 'Car entered',
      description: 'A car drove in.',
      fields: [
        { field: 'data.stay', type: 'string', description: 'The stay: entry and exit bear the same id.' },
        { field: 'data.park', type: 'string', description: 'The car park.' },
      ],
    },
    {
      type: 'car.left',
      title: 'Car left',
      description: 'A car drove out.',
      fields: [
        { field: 'data.stay', type: 'string', description: 'The stay: entry and exit bear the same id.' },
        { field: 'data.park', type: 'string', description: 'The car park.' },
        {
          field: 'data.paid',
          type: 'number',
          unit: 'EUR',
          description: 'What was paid; decimal text keeps every digit.',
        },
      ],
    },
  ],
  // What people group and filter by. Rollups are kept by what has few values alone.
  dimensions: [{ key: 'park', title: 'Car park', field: 'data.park', rolledUp: true }],
  metrics: [
    // Of events, by when they happened.
    {
      kind: 'base',
      key: 'parking.entries',
      title: 'Entries',
      description: 'Cars that drove in.',
      unit: '{car}',
      direction: 'up-is-better',
      eventTypes: ['car.entered'],
      aggregation: 'count',
      dimensions: ['park'],
    },
    {
      kind: 'base',
      key: 'parking.revenue',
      title: 'Revenue',
      description: 'What was paid, to the last cent.',
      unit: 'EUR',
      direction: 'up-is-better',
      role: 'admin',
      eventTypes: ['car.left'],
      value: 'data.paid',
      aggregation: 'sum',
      dimensions: ['park'],
    },
    // Over other metrics.
    {
      kind: 'derived',
      key: 'parking.entries_per_hour',
      title: 'Entries an hour',
      description: 'Cars that drove in an hour, on average over the bucket or range.',
      unit: '{car}/h',
      direction: 'up-is-better',
      expression: 'parking.entries / seconds * 3600',
    },
    // Of stays as they are now: between which events they lie, and which have not ended.
    {
      kind: 'state',
      key: 'parking.parked',
      title: 'Parked now',
      description: 'Cars that drove in within the range and have not left.',
      unit: '{car}',
      direction: 'neutral',
      subject: 'parking.stay',
      at: 'entered_at',
      filters: [{ field: 'left_at', op: 'exists', value: false }],
      aggregation: 'count',
      dimensions: ['park'],
    },
    {
      kind: 'state',
      key: 'parking.stay_p95',
      title: 'Stay, p95',
      description: '95 % of the cars that left within the range stayed at most so long.',
      unit: 'min',
      direction: 'neutral',
      subject: 'parking.stay',
      at: 'left_at',
      value: { since: 'entered_at', until: 'left_at', unit: 'min' },
      aggregation: 'quantile',
      level: 0.95,
      dimensions: ['park'],
    },
  ],
  subjects: [
    {
      kind: 'parking.stay',
      title: 'Stay',
      description: 'One car, from its entry to its exit.',
      events: [{ eventTypes: ['car.entered', 'car.left'], id: 'data.stay' }],
      attributes: [
        { key: 'park', title: 'Car park', type: 'string', field: 'data.park', keep: 'last' },
        {
          key: 'entered_at',
          title: 'Entered',
          type: 'time',
          field: 'time',
          eventTypes: ['car.entered'],
          keep: 'first',
        },
        {
          key: 'left_at',
          title: 'Left',
          type: 'time',
          field: 'time',
          eventTypes: ['car.left'],
          keep: 'last',
        },
      ],
    },
  ],
  importMappings: [],
  recorders: [],
  // `GET /api/v1/analytics/car-parks/{park}`
  views: [
    {
      key: 'parking.park',
      title: 'One car park',
      description: 'How full it is, and its entries by hour. The length of stays is null where nobody left.',
      path: 'car-parks/{park}',
      methods: ['GET'],
      parameters: [
        { name: 'park', type: 'string', description: 'The car park.' },
        { name: 'from', type: 'instant', description: 'Start of the range.', default: 'now-24h' },
        { name: 'to', type: 'instant', description: 'End of the range.', default: 'now' },
      ],
      sections: [
        {
          kind: 'figures',
          key: 'totals',
          title: 'Whole range',
          query: {
            metrics: ['parking.entries', 'parking.parked', 'parking.stay_p95'],
            filters: [{ dimension: 'park', op: 'eq', value: '{park}' }],
            compare: 'previous_period',
          },
        },
        {
          kind: 'series',
          key: 'entries',
          title: 'Entries by hour',
          query: {
            metrics: ['parking.entries'],
            filters: [{ dimension: 'park', op: 'eq', value: '{park}' }],
            granularity: 'hour',
            fill: 'zero',
          },
        },
      ],
    },
  ],
  // Its page of the dashboard: range, zone and granularity are the reader's.
  dashboard: [
    {
      kind: 'figures',
      key: 'totals',
      title: 'Car parks',
      query: { metrics: ['parking.entries', 'parking.parked'], compare: 'previous_period' },
    },
    {
      kind: 'table',
      key: 'busiest',
      title: 'Busiest car parks',
      query: {
        metrics: ['parking.entries', 'parking.entries_per_hour', 'parking.stay_p95'],
        groupBy: ['park'],
        orderBy: { metric: 'parking.entries', direction: 'desc' },
        limit: 10,
      },
    },
  ],
};

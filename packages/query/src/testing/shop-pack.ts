import { type BaseMetric, createCatalogue, type DerivedMetric, type Pack } from '@tidemark/core';

/** A small domain that uses every aggregation; for the tests of this package. */
const common = { description: '', direction: 'neutral', unit: '1' } as const;
const orders = {
  ...common,
  kind: 'base',
  eventTypes: ['order.placed'],
  dimensions: ['channel', 'country', 'user'],
} as const;
const duration = { ...orders, unit: 'ms', value: 'data.duration_ms' } as const;

const baseMetrics: readonly BaseMetric[] = [
  { ...orders, key: 'shop.orders', title: 'Orders', aggregation: 'count' },
  { ...orders, key: 'shop.priced', title: 'Orders with a price', aggregation: 'count', value: 'data.price' },
  {
    ...orders,
    key: 'shop.web_orders',
    title: 'Orders from the web',
    aggregation: 'count',
    filters: [{ field: 'data.channel', op: 'eq', value: 'web' }],
  },
  { ...orders, key: 'shop.revenue', title: 'Revenue', aggregation: 'sum', value: 'data.price', unit: 'USD' },
  {
    ...orders,
    key: 'shop.price_avg',
    title: 'Mean price',
    aggregation: 'avg',
    value: 'data.price',
    unit: 'USD',
  },
  { ...orders, key: 'shop.buyers', title: 'Buyers', aggregation: 'unique', value: 'subject' },
  { ...duration, key: 'shop.duration_sum', title: 'Duration', aggregation: 'sum' },
  { ...duration, key: 'shop.duration_avg', title: 'Mean duration', aggregation: 'avg' },
  { ...duration, key: 'shop.duration_min', title: 'Shortest', aggregation: 'min' },
  { ...duration, key: 'shop.duration_max', title: 'Longest', aggregation: 'max' },
  { ...duration, key: 'shop.duration_last', title: 'Latest', aggregation: 'last' },
  { ...duration, key: 'shop.duration_p50', title: 'Median', aggregation: 'quantile', level: 0.5 },
  { ...duration, key: 'shop.duration_p95', title: 'p95', aggregation: 'quantile', level: 0.95 },
  {
    ...orders,
    key: 'shop.failures',
    title: 'Failed orders',
    aggregation: 'count',
    eventTypes: ['order.failed'],
    dimensions: ['country', 'channel', 'user'],
  },
  {
    ...orders,
    key: 'shop.cost',
    title: 'Cost',
    aggregation: 'sum',
    value: 'data.cost',
    unit: 'USD',
    role: 'admin',
    dimensions: ['country'],
  },
];

const derivedMetrics: readonly DerivedMetric[] = [
  {
    ...common,
    kind: 'derived',
    key: 'shop.failure_rate',
    title: 'Failure rate',
    unit: '%',
    expression: 'shop.failures / (shop.orders + shop.failures) * 100',
  },
  {
    ...common,
    kind: 'derived',
    key: 'shop.revenue_per_buyer',
    title: 'Revenue per buyer',
    unit: 'USD',
    expression: 'shop.revenue / shop.buyers',
  },
  {
    ...common,
    kind: 'derived',
    key: 'shop.profit',
    title: 'Profit',
    unit: 'USD',
    expression: 'shop.revenue - shop.cost',
  },
];

const eventType = (type: string) => ({ type, title: type, description: '', fields: [] });

const shopPack: Pack = {
  key: 'shop',
  title: 'Shop',
  description: 'Orders of a shop',
  eventTypes: [eventType('order.placed'), eventType('order.failed')],
  dimensions: [
    { key: 'channel', title: 'Channel', field: 'data.channel', rolledUp: true },
    { key: 'country', title: 'Country', field: 'data.address.country', rolledUp: true },
    { key: 'user', title: 'User', field: 'subject', rolledUp: false, isPersonal: true },
  ],
  metrics: [...baseMetrics, ...derivedMetrics],
  importMappings: [],
  recorders: [],
  subjects: [],
  views: [],
  dashboard: [],
};

export const shopCatalogue = () => createCatalogue([shopPack]);

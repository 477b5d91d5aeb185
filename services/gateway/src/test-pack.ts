import type { Pack } from '@tidemark/core';

const common = { description: 'For tests', unit: '1', direction: 'neutral', dimensions: ['plan'] } as const;
/** One public metric, one for administrators. */
export const TEST_PACK: Pack = {
  key: 'shop',
  title: 'Shop',
  description: 'For tests',
  eventTypes: [
    {
      type: 'order.placed',
      title: 'Order placed',
      description: 'For tests',
      fields: [{ field: 'data.plan', type: 'string', description: 'The plan' }],
    },
  ],
  dimensions: [{ key: 'plan', title: 'Plan', field: 'data.plan', rolledUp: true }],
  metrics: [
    {
      ...common,
      kind: 'base',
      key: 'shop.orders',
      title: 'Orders',
      eventTypes: ['order.placed'],
      aggregation: 'count',
    },
    {
      ...common,
      kind: 'base',
      key: 'shop.secret_orders',
      title: 'Secret',
      eventTypes: ['order.placed'],
      aggregation: 'count',
      role: 'admin',
    },
  ],
  importMappings: [],
  recorders: [],
  subjects: [],
  views: [],
  dashboard: [],
};

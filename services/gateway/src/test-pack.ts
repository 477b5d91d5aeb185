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
  subjects: [
    {
      kind: 'shop.order',
      title: 'Order',
      description: 'For tests',
      events: [{ eventTypes: ['order.placed'], id: 'subject' }],
      attributes: [
        { key: 'plan', title: 'Plan', type: 'string', field: 'data.plan', keep: 'last' },
        { key: 'cost', title: 'Cost', type: 'number', unit: 'USD', field: 'data.cost', keep: 'last' },
        { key: 'buyer', title: 'Buyer', type: 'string', field: 'data.buyer', keep: 'last', isPersonal: true },
      ],
    },
    {
      kind: 'shop.buyer',
      title: 'Buyer',
      description: 'For tests',
      isPerson: true,
      events: [{ eventTypes: ['order.placed'], id: 'data.buyer' }],
      attributes: [],
    },
  ],
  views: [],
  dashboard: [],
};

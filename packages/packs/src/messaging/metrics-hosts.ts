import type { BaseMetric, MetricDeclaration } from '@tidemark/core';
import { statistics } from '../statistics.ts';

const SAMPLES = {
  kind: 'base',
  eventTypes: ['host.sampled'],
  dimensions: ['host'],
  direction: 'down-is-better',
} as const satisfies Partial<BaseMetric>;

type Level = readonly [name: string, title: string, field: string, unit: string];
const LEVELS: readonly Level[] = [
  ['cpu', 'Processor load', 'data.cpu_percent', '%'],
  ['memory', 'Memory in use', 'data.memory_percent', '%'],
  ['disk', 'Disk in use', 'data.disk_percent', '%'],
  ['connections', 'Connections', 'data.connections', '{connection}'],
  ['queue_depth', 'Queue', 'data.queue_depth', '{message}'],
];

const levels = LEVELS.flatMap(([name, title, value, unit]): readonly MetricDeclaration[] => [
  ...statistics(
    { ...SAMPLES, unit, value },
    `messaging.${name}`,
    title,
    { value: title.toLowerCase(), of: 'samples' },
    ['avg', 'max', 'p95'],
  ),
  {
    ...SAMPLES,
    unit,
    value,
    key: `messaging.${name}_last`,
    title: `${title}, now`,
    description: `What the newest sample tells: of several hosts, that of the one sampled last. ${title}.`,
    aggregation: 'last',
  },
]);

export const hostMetrics: readonly MetricDeclaration[] = [
  ...levels,
  {
    ...SAMPLES,
    key: 'messaging.hosts',
    title: 'Hosts',
    description: 'Distinct hosts that were sampled.',
    unit: '{host}',
    direction: 'neutral',
    value: 'data.host',
    aggregation: 'unique',
  },
  {
    ...SAMPLES,
    key: 'messaging.received_bytes',
    title: 'Traffic in',
    description: 'Bytes that hosts received.',
    unit: 'By',
    direction: 'neutral',
    value: 'data.received_bytes',
    aggregation: 'sum',
  },
  {
    ...SAMPLES,
    key: 'messaging.sent_bytes',
    title: 'Traffic out',
    description: 'Bytes that hosts sent.',
    unit: 'By',
    direction: 'neutral',
    value: 'data.sent_bytes',
    aggregation: 'sum',
  },
  {
    kind: 'derived',
    key: 'messaging.received_rate',
    title: 'Traffic in, rate',
    description: 'Bytes a second that hosts received.',
    unit: 'By/s',
    direction: 'neutral',
    expression: 'messaging.received_bytes / seconds',
  },
  {
    kind: 'derived',
    key: 'messaging.sent_rate',
    title: 'Traffic out, rate',
    description: 'Bytes a second that hosts sent.',
    unit: 'By/s',
    direction: 'neutral',
    expression: 'messaging.sent_bytes / seconds',
  },
  {
    ...SAMPLES,
    key: 'messaging.pool_used',
    title: 'Pools in use, average',
    description: 'Mean number of pooled connections in use, of samples.',
    unit: '{connection}',
    value: 'data.pool_used',
    aggregation: 'avg',
  },
  {
    ...SAMPLES,
    key: 'messaging.pool_size',
    title: 'Pools, average',
    description: 'Mean number of pooled connections, of samples.',
    unit: '{connection}',
    direction: 'neutral',
    value: 'data.pool_size',
    aggregation: 'avg',
  },
  {
    kind: 'derived',
    key: 'messaging.pool_utilisation',
    title: 'Utilisation of pools',
    description: 'Share of the pooled connections that was in use.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'messaging.pool_used / messaging.pool_size * 100',
  },
];

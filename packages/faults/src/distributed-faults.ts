/** Which faults the distributed profile knows, and how often each is drawn. */
import type { Bus } from '@tidemark/bus';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import {
  type Link,
  poisonFault,
  PROXY_MODE_NAMES,
  proxyFaults,
  refusalFaults,
} from './faults-of-backends.ts';
import { rebalanceFault, zombieFault } from './faults-of-groups.ts';
import { freezeFault, killFault, killRecoveryFault, restartFault } from './faults-of-processes.ts';
import type { Random } from './random.ts';
import type { Supervised } from './supervised.ts';
import type { Fault } from './system.ts';

export type ProcessName =
  | 'aggregator'
  | 'aggregator2'
  | 'ingest'
  | 'gateway'
  | 'clickhouse'
  | 'kafka'
  | 'postgres'
  | 'redis';

export interface DistributedParts {
  readonly processes: Readonly<Record<ProcessName, Supervised>>;
  readonly links: Readonly<Record<'warehouse' | 'kafka' | 'postgres', Link>>;
  readonly warehouse: WarehouseExecutor;
  readonly bus: Pick<Bus, 'publish'>;
  readonly onPoisoned: (place: { readonly partition: number; readonly offset: number }) => void;
}

/** Percent. What the exactly-once protocol is about comes most often. */
export function distributedFaults(parts: DistributedParts): readonly Fault[] {
  return [...processFaults(parts.processes), ...otherFaults(parts)];
}

function processFaults(on: DistributedParts['processes']): readonly Fault[] {
  const anyAggregator = (random: Random): Supervised =>
    on.aggregator2.isUp ? random.pick([on.aggregator, on.aggregator2]) : on.aggregator;
  return [
    killFault('aggregator', 30, anyAggregator),
    killRecoveryFault('aggregator', 3, on.aggregator),
    freezeFault('aggregator', 2, anyAggregator),
    restartFault('aggregator', 1, on.aggregator),
    zombieFault(1, on.aggregator, on.aggregator2),
    rebalanceFault(10, on.aggregator2),
    killFault('ingest', 4, () => on.ingest),
    freezeFault('ingest', 1, () => on.ingest),
    killFault('gateway', 2, () => on.gateway),
    freezeFault('gateway', 1, () => on.gateway),
    killFault('warehouse', 15, () => on.clickhouse),
    freezeFault('warehouse', 1, () => on.clickhouse),
    killFault('kafka', 2, () => on.kafka),
    restartFault('kafka', 10, on.kafka),
    freezeFault('kafka', 1, () => on.kafka),
    killFault('postgres', 2, () => on.postgres),
    freezeFault('postgres', 1, () => on.postgres),
    killFault('redis', 1, () => on.redis),
    freezeFault('redis', 1, () => on.redis),
  ];
}

function otherFaults({ links, warehouse, bus, onPoisoned }: DistributedParts): readonly Fault[] {
  const each = (percent: number): number => percent / PROXY_MODE_NAMES.length;
  return [
    ...proxyFaults(links.warehouse, each(4)),
    ...proxyFaults(links.kafka, each(2)),
    ...proxyFaults(links.postgres, 0.75, ['cut before the reply', 'delay']),
    ...refusalFaults(1, warehouse),
    poisonFault(1.5, bus, onPoisoned),
  ];
}

/** What happens to a group of aggregators: members come and go, and one comes back from the dead. */
import { setTimeout as delay } from 'node:timers/promises';
import { SECOND_MS } from '@tidemark/core';
import type { Supervised } from './supervised.ts';
import type { Fault, FaultContext } from './system.ts';

/** Twice the session timeout of the bus on Kafka, and a little: by then others own the partitions. */
const ZOMBIE_MS = 65 * SECOND_MS;
const READY_DEADLINE_MS = 60 * SECOND_MS;
const READY_CHECK_MS = 100;

/** Starts the second aggregator, or takes it away again. */
export function rebalanceFault(weight: number, second: Supervised): Fault {
  return {
    name: 'rebalance',
    weight,
    async inject({ random }) {
      if (!second.isWanted) {
        second.want();
        return { detail: 'a second aggregator joins', hadEffect: true };
      }
      const how = random.pick(['stop', 'kill'] as const);
      await second.unwant(how);
      return { detail: `the second aggregator leaves (${how})`, hadEffect: true };
    },
  };
}

/** The first aggregator freezes until the second owns everything, then goes on where it was. */
export function zombieFault(weight: number, first: Supervised, second: Supervised): Fault {
  return {
    name: 'zombie aggregator',
    weight,
    async inject({ signal }: FaultContext) {
      second.want();
      const deadlineMs = performance.now() + READY_DEADLINE_MS;
      while (!(second.isUp && first.isUp)) {
        if (performance.now() > deadlineMs) return null;
        await delay(READY_CHECK_MS, undefined, { signal });
      }
      return (await first.freeze(ZOMBIE_MS))
        ? { detail: `for ${ZOMBIE_MS} ms, the second goes on`, hadEffect: true }
        : null;
    },
  };
}

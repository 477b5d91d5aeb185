/** Faults that come by themselves: processes that stand still, rebalances, a warehouse that dies or takes nothing. */
import type { Group } from './group.ts';
import { SESSION_TIMEOUT_MS } from './group.ts';
import type { Machine, SimulatedProcess } from './process.ts';
import { TOKEN_MEMORY_MS } from './warehouse.ts';
import type { SimulatedWarehouse } from './warehouse.ts';

export interface Targets {
  readonly processes: ReadonlySet<SimulatedProcess>;
  readonly group: Group;
  readonly warehouse: SimulatedWarehouse;
}

/** Until the faults stop. */
export function causeTrouble(machine: Machine, { processes, group, warehouse }: Targets): void {
  const { scheduler, random, faults } = machine;
  const every = (intervalMs: number, what: string, act: () => void): void => {
    if (intervalMs === 0) return;
    scheduler.in(random.between(intervalMs / 2, 2 * intervalMs), 0, what, () => {
      if (faults.areOver) return;
      act();
      every(intervalMs, what, act);
    });
  };
  const { pauseIntervalMs, rebalanceIntervalMs, warehouseCrashIntervalMs, outageIntervalMs } = faults.now;
  every(pauseIntervalMs, 'a pause', () => {
    const running = [...processes].filter((process) => process.isRunning);
    if (running.length === 0) return;
    const process = random.pick(running);
    process.stop();
    group.silent(process);
    const pauseMs = random.chance(faults.now.longPauses)
      ? random.between(TOKEN_MEMORY_MS, 2 * TOKEN_MEMORY_MS)
      : random.between(1, 3 * SESSION_TIMEOUT_MS);
    scheduler.in(pauseMs, process.number, 'a pause ends', () => process.resume());
  });
  every(rebalanceIntervalMs, 'a rebalance', () => group.rebalance());
  every(warehouseCrashIntervalMs, 'the warehouse is killed', () => warehouse.crash());
  every(outageIntervalMs, 'the warehouse is away', () => warehouse.beAway());
}

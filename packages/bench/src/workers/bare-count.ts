/** The ceiling of a question: the engine counts the rows it is about, without HTTP, plan or rollups. */
import { EVENTS_TABLE } from '@tidemark/warehouse';
import { percentile } from '../statistics.ts';
import { EVENT_TYPE } from '../sample-events.ts';
import { createWarehouseOpener } from './bare-warehouse.ts';
import type { WorkerService } from './protocol.ts';

const WARM_UP_REPETITIONS = 3;

export function openBareCounter(): WorkerService<'bare-count'> {
  const opener = createWarehouseOpener();
  return {
    async answer({ target, fromMs, toMs, repetitions }) {
      const warehouse = await opener.open(target);
      const elapsedMs: number[] = [];
      let rows = 0;
      for (let repetition = -WARM_UP_REPETITIONS; repetition < repetitions; repetition += 1) {
        const startedAtMs = performance.now();
        const [row] = await warehouse.query<{ rows: string }>({
          sql: `SELECT count() AS rows FROM ${EVENTS_TABLE}
                WHERE organization = 'default' AND type = {type:String}
                  AND time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})`,
          parameters: { type: EVENT_TYPE, from: fromMs, to: toMs },
        });
        rows = Number(row?.rows);
        if (repetition >= 0) elapsedMs.push(performance.now() - startedAtMs);
      }
      return { rows, elapsedMs: { p50: percentile(elapsedMs, 0.5), p95: percentile(elapsedMs, 0.95) } };
    },
    close: () => opener.close(),
  };
}

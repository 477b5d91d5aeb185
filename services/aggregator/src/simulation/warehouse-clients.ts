/** The ports of the warehouse as one simulated process holds them. */
import { AppError, SECOND_MS } from '@tidemark/core';
import type { EventStore, PartitionRef, RollupStore } from '@tidemark/warehouse';
import type { Machine, SimulatedProcess } from './process.ts';
import type { BucketTable } from './rollups.ts';
import type { SimulatedWarehouse } from './warehouse.ts';

const READ = { lost: 'warehouse-unavailable', refused: 'warehouse-unavailable' } as const;
/** How long a process waits for an insert or a recomputation. */
const PATIENCE_MS = 5 * SECOND_MS;

const unused = (): Promise<never> =>
  Promise.reject(new Error('Assertion failed: the pipeline does not call this'));

export function createSimulatedEvents(
  process: SimulatedProcess,
  { faults }: Machine,
  warehouse: SimulatedWarehouse,
): EventStore {
  const { raw } = warehouse;
  const read = <T>(label: string, look: () => T): Promise<T> =>
    process.request<T>(label, READ, (reply) =>
      reply(warehouse.isDown ? new AppError('warehouse-unavailable', 'no connection') : look()),
    );
  const rowsFrom = ({ partition }: PartitionRef, from: number) =>
    raw.within(partition, from, Number.MAX_SAFE_INTEGER);
  return {
    insert: async (batch, token, beforeSend) => {
      await process.busy(faults.encodingMs());
      await beforeSend?.();
      const arrivalMs = faults.insertArrivalMs();
      warehouse.expectInsert(arrivalMs);
      return process.request<void>(
        'insert',
        { lost: 'insert-in-doubt', refused: 'warehouse-unavailable', arrivalMs, patienceMs: PATIENCE_MS },
        (reply) => warehouse.insert(batch, token, reply),
      );
    },
    probe: async (batch) => {
      const refusal = await read('probe', () => ({ error: warehouse.refusalOfRows(batch.rows) }));
      if (refusal.error !== null) throw refusal.error;
    },
    insertRunning: ({ partition }) => read('insertRunning', () => warehouse.isInsertRunning(partition)),
    highWater: (partition, fromOffset) =>
      read('highWater', () => {
        const rows = rowsFrom(partition, fromOffset);
        if (rows.length === 0) return null;
        const { offset, receivedAtMs } = rows.reduce((a, b) => (b.offset > a.offset ? b : a));
        return { offset, receivedAtMs };
      }),
    countRange: ({ partition }, from, to) => read('countRange', () => raw.within(partition, from, to).length),
    findStored: (identities, sinceMs, own) =>
      read('findStored', () =>
        identities
          .flatMap((identity) => raw.withIdentity(identity))
          .filter((row) => row.receivedAtMs >= sinceMs)
          .filter(
            ({ partition, offset }) => partition !== own.partition || offset < own.from || offset > own.to,
          ),
      ),
    offsetsSince: ({ partition }, sinceMs) =>
      read('offsetsSince', () => {
        const offsets = raw
          .of(partition)
          .filter((row) => row.receivedAtMs >= sinceMs)
          .map((row) => row.offset);
        return offsets.length === 0 ? null : { from: Math.min(...offsets), to: Math.max(...offsets) };
      }),
    identitiesWithin: ({ partition }, from, to) =>
      read('identitiesWithin', () => raw.within(partition, from, to)),
    minutesFrom: (partition, from) => read('minutesFrom', () => rowsFrom(partition, from)),
    minutesWithin: unused,
    spanOf: unused,
    storedByDay: unused,
    duplicatesWithin: unused,
    allMinutes: async function* () {
      yield await read('allMinutes', () => raw.rows);
    },
  };
}

/** Recomputations read raw when they start and are visible when they end, which may be after their client has given up. */
export function createSimulatedRollups(
  process: SimulatedProcess,
  { scheduler, faults }: Machine,
  warehouse: SimulatedWarehouse,
  buckets: BucketTable,
): RollupStore {
  return {
    recompute: ({ organization, tier, bucketStartsMs, version }) =>
      process.request<number>(
        'recompute',
        { lost: 'query-timeout', refused: 'warehouse-unavailable', patienceMs: PATIENCE_MS },
        (reply) => {
          if (warehouse.isDown) {
            reply(new AppError('warehouse-unavailable', 'no connection'));
            return;
          }
          const throughSequence = warehouse.raw.newest;
          scheduler.in(faults.writingMs(), process.number, 'a rollup lands', () => {
            for (const bucketStartMs of bucketStartsMs) {
              buckets.write({ organization, tier, bucketStartMs }, { version, throughSequence });
            }
            reply(bucketStartsMs.length);
          });
        },
      ),
    compare: unused,
    bucketsWithin: unused,
    combinationsOf: unused,
    greatestVersion: () =>
      process.request('greatestVersion', READ, (reply) => reply(buckets.greatestVersion())),
  };
}

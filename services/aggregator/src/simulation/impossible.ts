/** What cannot happen while every store keeps its word: what can be mended is; else the partition stops, and stops again with whoever owns it next. */
import type { OutgoingRecord } from '@tidemark/bus';
import { SECOND_MS } from '@tidemark/core';
import { playCalm, playTrouble } from './simulate.ts';
import { World } from './world.ts';
import type { Halt } from './world.ts';

export interface ImpossibleResult {
  readonly breach: string | null;
  /** Of each partition that has stopped, one for each owner that found it must, in order. */
  readonly halts: ReadonlyMap<number, readonly Halt[]>;
  /** Rows of raw at the end, by partition. */
  readonly rowCounts: readonly number[];
}

const SETTLING_MS = 30 * SECOND_MS;
const REBALANCE_MS = 20 * SECOND_MS;
/** Owners, one after another, that must stop. */
export const OWNERS = 3;

/** The engine tears an insert apart when it is killed, against all that it promises. */
export async function simulateTornInsert(seed: number): Promise<ImpossibleResult> {
  const world = new World({
    seed,
    mayHalt: true,
    traits: { isTornByCrash: true },
    rates: { warehouseCrashIntervalMs: 4 * SECOND_MS, slowInsert: 0.9, crash: 0 },
  });
  await playTrouble(world);
  return letOthersTry(world);
}

/** Somebody deletes the topic and makes it anew; other records take the same offsets. */
export async function simulateNewLog(seed: number): Promise<ImpossibleResult> {
  const world = new World({ seed, mayHalt: true });
  await playTrouble(world);
  await playCalm(world, () => world.isWhole());
  for (const process of world.alive) process.kill();
  for (const partition of world.partitions()) {
    const count = world.random.between(0, 2 * world.bus.endOffset(partition));
    const records = Array.from({ length: count }, (_, offset) => otherRecord(offset, world.scheduler.nowMs));
    world.bus.replaceLog(partition, records);
  }
  return letOthersTry(world);
}

/**
 * A backup of the warehouse is restored: the newest rows of each partition are gone, and the engine may still remember their tokens. What
 * is lost is stored again, once, and the books do not change.
 * @returns the breach; null when there is none
 */
export async function simulateLostRows(seed: number): Promise<string | null> {
  const world = new World({ seed });
  const { scheduler, invariants, warehouse, bus, random } = world;
  await playTrouble(world);
  await playCalm(world, () => world.isWhole());
  for (const process of world.alive) process.kill();
  const counts = world.partitions().map((partition) => warehouse.raw.of(partition).length);
  for (const partition of world.partitions()) {
    const offset = random.between(0, bus.endOffset(partition));
    warehouse.raw.loseFrom(partition, offset);
    invariants.forgive(partition, offset);
  }
  const isRestored = (partition: number) => warehouse.raw.of(partition).length === counts[partition];
  const isDone = await playCalm(world, () => world.partitions().every(isRestored));
  if (!isDone) invariants.report('I1: what raw has lost is not stored again');
  // The rows are there before their buckets are marked, and nothing that lags tells when they are.
  const settledAtMs = scheduler.nowMs + SETTLING_MS;
  await playCalm(world, () => scheduler.nowMs >= settledAtMs && world.isWhole());
  for (const partition of world.partitions()) if (!world.isBroken) invariants.assertWhole(partition);
  return invariants.breach;
}

/** Hands every partition on again and again, until each that has stopped was tried by enough owners. */
async function letOthersTry(world: World): Promise<ImpossibleResult> {
  const { scheduler, group, warehouse } = world;
  const haltsOf = (partition: number) => world.halts.filter((halt) => halt.partition === partition);
  const handOn = (): void => {
    group.rebalance();
    scheduler.in(REBALANCE_MS, 0, 'a rebalance', handOn);
  };
  scheduler.in(REBALANCE_MS, 0, 'a rebalance', handOn);
  await playCalm(
    world,
    () => world.halts.length > 0 && world.halts.every(({ partition }) => haltsOf(partition).length >= OWNERS),
  );
  const stopped = new Set(world.halts.map(({ partition }) => partition));
  return {
    breach: world.invariants.breach,
    halts: new Map([...stopped].map((partition) => [partition, haltsOf(partition)])),
    rowCounts: world.partitions().map((partition) => warehouse.raw.of(partition).length),
  };
}

function otherRecord(offset: number, nowMs: number): OutgoingRecord {
  return { key: `${offset}`, value: Buffer.from('{}'), headers: {}, timestampMs: nowMs };
}

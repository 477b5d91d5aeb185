/** One simulation: faults for a while, then calm, in which everything must come to its end. */
import { MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { causeTrouble } from './trouble.ts';
import { STARTS_AT_MS, World } from './world.ts';
import type { WorldOptions } from './world.ts';

export interface SimulationResult {
  readonly seed: number;
  /** What did not hold; null when everything did. */
  readonly breach: string | null;
  readonly steps: number;
  readonly virtualMs: number;
  /** Of everything that has happened: equal for equal runs. */
  readonly traceHash: number;
}

/** Faults go on after the last record has been sent. */
const TROUBLE_SECONDS_MAX = 15;
/** In calm: for every lease and pause to end, and every batch that is left to be stored. */
const CALM_MS = 10 * MINUTE_MS;
const STEPS_MAX = 60_000;
/** Whether all is over need not be asked after each step. */
const STEPS_BETWEEN_LOOKS = 8;

/** The same options give the same result. */
export async function simulate(options: WorldOptions): Promise<SimulationResult> {
  const world = new World(options);
  await playTrouble(world);
  const isDone = await playCalm(world, () => world.isWhole());
  if (!isDone)
    world.invariants.report(`I7: ${describeLag(world)} after ${CALM_MS / SECOND_MS} s without faults`);
  for (const partition of world.partitions()) if (!world.isBroken) world.invariants.assertWhole(partition);
  return {
    seed: options.seed,
    breach: world.invariants.breach,
    steps: world.scheduler.steps,
    virtualMs: world.scheduler.nowMs - STARTS_AT_MS,
    traceHash: world.scheduler.traceHash(),
  };
}

/** Until every record has been sent, and some time beyond. */
export async function playTrouble(world: World): Promise<void> {
  const { scheduler, machine, alive, group, warehouse, random } = world;
  world.open();
  causeTrouble(machine, { processes: alive, group, warehouse });
  const limits = { untilMs: Number.POSITIVE_INFINITY, stepsMax: STEPS_MAX };
  await scheduler.run(() => world.isBroken || world.isAllSent, limits);
  const untilMs = scheduler.nowMs + random.between(0, TROUBLE_SECONDS_MAX) * SECOND_MS;
  await scheduler.run(() => world.isBroken || scheduler.nowMs >= untilMs, limits);
}

/** Returns whether what was waited for has come in time. */
export async function playCalm(world: World, isOver: () => boolean): Promise<boolean> {
  const { scheduler } = world;
  world.calm();
  const isTimeToLook = (): boolean => scheduler.steps % STEPS_BETWEEN_LOOKS === 0;
  return scheduler.run(() => world.isBroken || (isTimeToLook() && isOver()), {
    untilMs: scheduler.nowMs + CALM_MS,
    stepsMax: STEPS_MAX,
  });
}

function describeLag(world: World): string {
  return world
    .partitions()
    .map((partition) => `partition ${partition} lags by ${world.lagOf(partition)}`)
    .join(', ');
}

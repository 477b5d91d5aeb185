/** What happens to processes: killed, killed while they come back, frozen, told to end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import type { Supervised } from './supervised.ts';
import type { Fault, Injected } from './system.ts';

const RESTART_PAUSE_MS_MAX = 2_000;
const FREEZE_MS_MIN = 2_000;
const FREEZE_MS_MAX = 8_000;
/** How far a start has come when it is killed again. */
const RECOVERY_MS_MAX = 2_500;

/** Half of them come back at once. */
function restartPause(random: Random): number {
  return random.chance(0.5) ? 0 : random.integer(1, RESTART_PAUSE_MS_MAX);
}

/** Null when there was nobody to do it to. */
function withEffect(isDone: boolean, detail: string): Injected | null {
  return isDone ? { detail, hadEffect: true } : null;
}

/** @param pick whom it hits this time, among several of a kind */
export function killFault(name: string, weight: number, pick: (random: Random) => Supervised): Fault {
  return {
    name: `kill ${name}`,
    weight,
    async inject({ random }) {
      const pauseMs = restartPause(random);
      const victim = pick(random);
      return withEffect(await victim.kill(pauseMs), `${victim.name}, back after ${pauseMs} ms`);
    },
  };
}

/** Killed, and twice more on its way up: recovery must survive its own death. */
export function killRecoveryFault(name: string, weight: number, victim: Supervised): Fault {
  return {
    name: `kill ${name} in recovery`,
    weight,
    async inject({ random, signal }) {
      if (!(await victim.kill(0))) return null;
      const waits = [random.integer(50, RECOVERY_MS_MAX), random.integer(50, RECOVERY_MS_MAX)];
      let hits = 0;
      for (const waitMs of waits) {
        await delay(waitMs, undefined, { signal });
        const wasRecovering = !victim.isUp;
        if ((await victim.kill(0)) && wasRecovering) hits += 1;
      }
      return {
        detail: `again after ${waits.join(' and ')} ms, ${hits} times before it was up`,
        hadEffect: hits > 0,
      };
    },
  };
}

export function restartFault(name: string, weight: number, victim: Supervised): Fault {
  return {
    name: `restart ${name}`,
    weight,
    async inject({ random }) {
      const pauseMs = restartPause(random);
      return withEffect(await victim.restart(pauseMs), `SIGTERM, back after ${pauseMs} ms`);
    },
  };
}

export function freezeFault(name: string, weight: number, pick: (random: Random) => Supervised): Fault {
  return {
    name: `freeze ${name}`,
    weight,
    async inject({ random }) {
      const durationMs = random.integer(FREEZE_MS_MIN, FREEZE_MS_MAX);
      const victim = pick(random);
      return withEffect(await victim.freeze(durationMs), `${victim.name} for ${durationMs} ms`);
    },
  };
}

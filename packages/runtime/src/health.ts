import { isAppError, type Clock } from '@tidemark/core';

/** A dependency that takes longer to answer counts as failed. */
export const CHECK_DEADLINE_MS = 2_000;

/** Resolves when the dependency works, rejects when it does not. */
export type DependencyCheck = () => Promise<void>;

export interface DependencyHealth {
  readonly status: 'ok' | 'failed' | 'timeout';
  readonly durationMs: number;
  /** The error's code; messages of drivers may hold addresses and stay in the log. */
  readonly code?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly stopping: boolean;
  readonly dependencies: Readonly<Record<string, DependencyHealth>>;
}

export interface Health {
  readiness(): Promise<Readiness>;
}

export interface HealthOptions {
  readonly clock: Clock;
  /** All are asked at once. */
  readonly checks: Readonly<Record<string, DependencyCheck>>;
  /** Aborted: not ready any more, so that balancers send nothing new. */
  readonly stopping: AbortSignal;
}

export function createHealth(options: HealthOptions): Health {
  const { clock, checks, stopping } = options;
  return {
    readiness: async () => {
      const entries = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => [name, await runCheck(check, clock)] as const),
      );
      const isWell = entries.every(([, { status }]) => status === 'ok');
      return {
        ready: isWell && !stopping.aborted,
        stopping: stopping.aborted,
        dependencies: Object.fromEntries(entries),
      };
    },
  };
}

async function runCheck(check: DependencyCheck, clock: Clock): Promise<DependencyHealth> {
  const startedAtMs = clock.nowMs();
  const finished = new AbortController();
  const run = async () => {
    try {
      await check();
      return { status: 'ok' } as const;
    } catch (error) {
      return { status: 'failed', code: isAppError(error) ? error.code : 'internal' } as const;
    } finally {
      finished.abort();
    }
  };
  const deadline = async () => {
    await clock.sleep(CHECK_DEADLINE_MS, finished.signal);
    return { status: 'timeout' } as const;
  };
  const outcome = await Promise.race([run(), deadline()]);
  return { ...outcome, durationMs: clock.nowMs() - startedAtMs };
}

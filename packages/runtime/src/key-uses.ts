/** When each API key was used last, told to the catalog off the path of requests. Some may be lost: nothing is decided by it. */
import { isAppError, MINUTE_MS, type Clock } from '@tidemark/core';
import type { Logger } from './logger.ts';

/** A key is written at most once in so long by one process. */
export const KEY_USES_INTERVAL_MS = MINUTE_MS;
/** Keys that wait to be written; the uses of others are lost until then. */
export const KEY_USES_MAX = 10_000;

interface KeyUse {
  readonly publicId: string;
  readonly atMs: number;
}

export interface KeyUses {
  /** Never waits, never fails. Tokens are no keys and are passed over. */
  note(credentialId: string): void;
  /** Writes what is left. Idempotent. */
  close(): Promise<void>;
}

export interface KeyUsesOptions {
  /** @throws catalog-unavailable */
  readonly write: (uses: readonly KeyUse[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createKeyUses({ write, clock, log }: KeyUsesOptions): KeyUses {
  const waiting = new Map<string, number>();
  const stopping = new AbortController();
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    while (waiting.size > 0) {
      await clock.sleep(KEY_USES_INTERVAL_MS, stopping.signal);
      const uses = [...waiting].map(([publicId, atMs]) => ({ publicId, atMs }));
      waiting.clear();
      await writeOrLose(uses);
    }
    running = null;
  }

  async function writeOrLose(uses: readonly KeyUse[]): Promise<void> {
    try {
      await write(uses);
    } catch (error) {
      if (!isAppError(error)) throw error;
      log.warn({ err: error, keys: uses.length }, 'the last use of keys was not written');
    }
  }

  return {
    note(credentialId) {
      if (stopping.signal.aborted || credentialId.includes(':')) return;
      if (waiting.size >= KEY_USES_MAX && !waiting.has(credentialId)) return;
      waiting.set(credentialId, clock.nowMs());
      running ??= run();
    },
    async close() {
      stopping.abort();
      await running;
    },
  };
}

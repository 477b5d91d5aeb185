import { type Clock, isAppError } from '@tidemark/core';
import type { HeldPartition } from './assignments.ts';
import type { FetchBuffer } from './fetch-buffer.ts';

export interface ProgressWatchdogOptions {
  readonly clock: Clock;
  readonly stallMs: number;
}

/**
 * Finds a consumer that has stopped fetching without crashing (kafkajs #659): a partition that is not paused, of which
 * nothing came for `stallMs` although the log goes on. The log is asked only after that time, at most once per
 * `stallMs` and partition.
 */
export class ProgressWatchdog {
  readonly #options: ProgressWatchdogOptions;
  #lastProgressMs = new Map<FetchBuffer, number>();

  constructor(options: ProgressWatchdogOptions) {
    this.#options = options;
  }

  progressed(buffer: FetchBuffer): void {
    this.#lastProgressMs.set(buffer, this.#options.clock.nowMs());
  }

  reset(): void {
    this.#lastProgressMs = new Map();
  }

  /** The name of a stuck partition, or null. A broker that does not answer proves nothing. */
  async findStuck(held: readonly HeldPartition[]): Promise<string | null> {
    for (const { spell, buffer } of held) {
      if (buffer.isPaused) this.progressed(buffer);
      if (!this.#isOverdue(buffer)) continue;
      const position = buffer.fetchPosition;
      this.progressed(buffer);
      try {
        const { endOffset } = await spell.bounds();
        const isStuck = buffer.fetchPosition === position && !buffer.isPaused && endOffset > position;
        if (isStuck && !spell.lost.aborted) return `${spell.topic}/${spell.partition}`;
      } catch (error) {
        // Lost meanwhile, or no answer: neither says that we are stuck.
        if (!isAppError(error)) throw error;
      }
    }
    return null;
  }

  #isOverdue(buffer: FetchBuffer): boolean {
    const last = this.#lastProgressMs.get(buffer);
    return last !== undefined && this.#options.clock.nowMs() - last >= this.#options.stallMs;
  }
}

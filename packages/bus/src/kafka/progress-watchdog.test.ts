import { describe, expect, it } from '@jest/globals';
import { busUnavailable } from '../bus-errors.ts';
import { realClock } from '../conformance-support.ts';
import type { PartitionBounds } from '../port.ts';
import { Spell } from '../spell.ts';
import type { HeldPartition } from './assignments.ts';
import { FetchBuffer } from './fetch-buffer.ts';
import { ProgressWatchdog } from './progress-watchdog.ts';

const STALL_MS = 60_000;

function hold(readBounds: () => Promise<PartitionBounds>): HeldPartition {
  const ignore = (): void => undefined;
  const callbacks = { pause: ignore, resume: ignore, seek: ignore };
  const buffer = new FetchBuffer({ position: 5, maxBytes: 100, fetchBytes: 10, ...callbacks });
  const spell = new Spell({
    topic: 'events',
    partition: 3,
    committed: null,
    clock: realClock,
    source: buffer,
    wakeup: buffer.arrived,
    maxReadBytes: 100,
    writeCommit: async () => undefined,
    readBounds,
  });
  return { spell, buffer };
}

/** What the watchdog says about one partition after `elapsedMs` without a fetched record. */
async function judge(elapsedMs: number, readBounds: () => Promise<PartitionBounds>): Promise<string | null> {
  let nowMs = 0;
  const watchdog = new ProgressWatchdog({ clock: { ...realClock, nowMs: () => nowMs }, stallMs: STALL_MS });
  const held = hold(readBounds);
  watchdog.progressed(held.buffer);
  nowMs = elapsedMs;
  return watchdog.findStuck([held]);
}

describe('ProgressWatchdog', () => {
  const behind = async (): Promise<PartitionBounds> => ({ partition: 3, startOffset: 0, endOffset: 9 });

  it('reports a partition that has more, of which nothing came', async () => {
    expect(await judge(STALL_MS, behind)).toBe('events/3');
  });

  it('is patient until the time is over', async () => {
    expect(await judge(STALL_MS - 1, behind)).toBeNull();
  });

  it('takes a quiet partition for quiet', async () => {
    expect(await judge(STALL_MS, async () => ({ partition: 3, startOffset: 0, endOffset: 5 }))).toBeNull();
  });

  it('concludes nothing from a broker that does not answer', async () => {
    expect(await judge(STALL_MS, () => Promise.reject(busUnavailable('down')))).toBeNull();
  });
});

import { describe, expect, it } from '@jest/globals';
import { systemClock } from './system-clock.ts';

describe('systemClock', () => {
  it('sleeps no longer than until its signal aborts', async () => {
    const controller = new AbortController();
    const asleep = systemClock.sleep(10 ** 12, controller.signal);
    controller.abort();
    await asleep;
    await systemClock.sleep(10 ** 12, controller.signal);
    expect(controller.signal.aborted).toBe(true);
  });

  it('sleeps at least as long as asked', async () => {
    const startedAtMs = performance.now();
    await systemClock.sleep(20);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(19);
  });
});

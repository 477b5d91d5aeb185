import { describe, expect, it } from '@jest/globals';
import { SharedRun } from './shared-run.ts';

describe('a shared run', () => {
  function open() {
    const running: { settle: (failed?: boolean) => void }[] = [];
    const shared = new SharedRun(() => {
      const number = running.length + 1;
      return new Promise<number>((resolve, reject) => {
        running.push({
          settle: (failed = false) => (failed ? reject(new Error(`run ${number}`)) : resolve(number)),
        });
      });
    });
    return { shared, running };
  }

  it('is shared by those who ask before it begins, and by nobody who asks later', async () => {
    const { shared, running } = open();
    const first = shared.run();
    const later = [shared.run(), shared.run(), shared.run()];
    expect(running).toHaveLength(1);
    running[0]?.settle();
    expect(await first).toBe(1);
    const latest = shared.run();
    running[1]?.settle();
    expect(await Promise.all(later)).toEqual([2, 2, 2]);
    running[2]?.settle();
    expect(await latest).toBe(3);
  });

  it('is not spoilt for the next by one that failed', async () => {
    const { shared, running } = open();
    const [first, second] = [shared.run(), shared.run()];
    running[0]?.settle(true);
    await expect(first).rejects.toThrow('run 1');
    running[1]?.settle();
    expect(await second).toBe(2);
  });
});

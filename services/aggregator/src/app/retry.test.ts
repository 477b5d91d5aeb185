import { describe, expect, it } from '@jest/globals';
import { AppError } from '@tidemark/core';
import { retryUntilLost } from './retry.ts';
import { createSkippingClock } from './testing.ts';

/** Tries a step that fails with these errors, one after another, and then succeeds. */
function retry(faults: readonly Error[], lost = new AbortController()) {
  const clock = createSkippingClock();
  const left = [...faults];
  let tries = 0;
  const outcome = retryUntilLost(
    () => {
      tries += 1;
      const fault = left.shift();
      return fault === undefined ? Promise.resolve('done') : Promise.reject(fault);
    },
    {
      clock,
      random: () => 0.5,
      lost: lost.signal,
      onRetry: (_error, failures) => {
        if (failures === 20) lost.abort();
      },
    },
  );
  return { outcome, slept: clock.slept, tries: () => tries };
}

const away = new AppError('warehouse-unavailable', 'away');

describe('a step that is tried until its work is lost', () => {
  it('pauses longer after each failure, up to a bound, with jitter', async () => {
    const { outcome, slept } = retry(Array.from({ length: 9 }, () => away));
    await expect(outcome).resolves.toEqual({ value: 'done' });
    expect(slept).toEqual([75, 150, 300, 600, 1_200, 2_400, 3_750, 3_750, 3_750]);
  });

  it('ends without an outcome when the work is lost during a pause', async () => {
    const { outcome, tries } = retry(Array.from({ length: 100 }, () => away));
    await expect(outcome).resolves.toBeNull();
    expect(tries()).toBe(20);
  });

  it('ends without an outcome when the step finds the partition lost', async () => {
    const { outcome, tries } = retry([new AppError('partition-lost', 'gone')]);
    await expect(outcome).resolves.toBeNull();
    expect(tries()).toBe(1);
  });

  it('does not begin what is lost already', async () => {
    const lost = new AbortController();
    lost.abort();
    const { outcome, tries } = retry([], lost);
    await expect(outcome).resolves.toBeNull();
    expect(tries()).toBe(0);
  });

  it.each([
    ['a fault that stays', new AppError('insert-refused', 'no such column')],
    ['a bug', new Error('Assertion failed')],
  ])('gives up on %s', async (_name, fault) => {
    const { outcome, slept } = retry([fault]);
    await expect(outcome).rejects.toBe(fault);
    expect(slept).toEqual([]);
  });
});

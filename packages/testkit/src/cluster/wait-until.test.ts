import { describe, expect, it } from '@jest/globals';
import { waitUntil } from './wait-until.ts';

describe('waiting for a condition', () => {
  it('takes a condition that throws for one that is not true yet', async () => {
    let attempts = 0;
    await waitUntil(
      () => {
        attempts += 1;
        return attempts < 2 ? Promise.reject(new Error('refused')) : Promise.resolve(true);
      },
      { what: 'the door', deadlineMs: 5_000 },
    );
    expect(attempts).toBe(2);
  });

  it('ends at the deadline with what it waited for and why it was not so', async () => {
    const refused = new Error('refused');
    await expect(
      waitUntil(() => Promise.reject(refused), { what: 'the door', deadlineMs: 0 }),
    ).rejects.toMatchObject({ message: 'waited 0 s for the door', cause: refused });
  });

  it('ends at once when there is no hope', async () => {
    const giveUp = (): never => {
      throw new Error('it died');
    };
    await expect(
      waitUntil(() => Promise.resolve(true), { what: 'the door', deadlineMs: 5_000, giveUp }),
    ).rejects.toThrow('it died');
  });
});

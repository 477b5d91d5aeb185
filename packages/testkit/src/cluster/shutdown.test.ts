import { describe, expect, it } from '@jest/globals';
import { createShutdown } from './shutdown.ts';

describe('a shutdown', () => {
  it('undoes in reverse order, once', async () => {
    const undone: string[] = [];
    const shutdown = createShutdown();
    for (const name of ['first', 'second']) {
      shutdown.add(async () => {
        undone.push(name);
      });
    }
    await Promise.all([shutdown.run(), shutdown.run()]);
    expect(undone).toEqual(['second', 'first']);
  });

  it('tries every step, and then says what failed', async () => {
    const undone: string[] = [];
    const shutdown = createShutdown();
    shutdown.add(async () => {
      undone.push('first');
    });
    shutdown.add(() => Promise.reject(new Error('second is stuck')));
    await expect(shutdown.run()).rejects.toMatchObject({ errors: [{ message: 'second is stuck' }] });
    expect(undone).toEqual(['first']);
  });

  it('takes nothing more once it has begun, and leaves no signal handler', async () => {
    const handlersBefore = process.listenerCount('SIGTERM');
    const shutdown = createShutdown();
    shutdown.add(() => Promise.resolve());
    expect(process.listenerCount('SIGTERM')).toBe(handlersBefore + 1);
    await shutdown.run();
    expect(process.listenerCount('SIGTERM')).toBe(handlersBefore);
    expect(() => shutdown.add(() => Promise.resolve())).toThrow('being stopped');
  });
});

import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createLifecycle, installSignalHandlers, STEP_TIMEOUT_MS } from './lifecycle.ts';
import { createManualClock, createTestLog } from './testing.ts';

function setUp() {
  const clock = createManualClock();
  const { log, text } = createTestLog();
  const exits: number[] = [];
  const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  return { clock, log, text, exits, source, lifecycle: createLifecycle({ clock, log }) };
}

describe('createLifecycle', () => {
  it('stops in reverse order, once, and tells loops first', async () => {
    const { lifecycle } = setUp();
    const order: string[] = [];
    lifecycle.onStop('bus', () => void order.push(`bus ${lifecycle.stopping.aborted}`));
    lifecycle.onStop('http', async () => void order.push(`http ${lifecycle.stopping.aborted}`));
    expect(await Promise.all([lifecycle.stop('a'), lifecycle.stop('b')])).toEqual([true, true]);
    expect(order).toEqual(['http true', 'bus true']);
  });

  it('passes over a step that fails and one that hangs', async () => {
    const { lifecycle, clock, text } = setUp();
    const order: string[] = [];
    lifecycle.onStop('last', () => void order.push('last'));
    lifecycle.onStop('hangs', () => new Promise(() => undefined));
    lifecycle.onStop('fails', () => {
      throw new Error('no');
    });
    const stopped = lifecycle.stop('test');
    while (!text().includes('could not stop fails')) await Promise.resolve();
    clock.advance(STEP_TIMEOUT_MS);
    expect(await stopped).toBe(false);
    expect(order).toEqual(['last']);
    expect(text()).toContain('could not stop hangs');
  });
});

describe('installSignalHandlers', () => {
  it('stops on the first signal and exits at once on the second', async () => {
    const { lifecycle, log, source, exits } = setUp();
    let finish: () => void = () => undefined;
    lifecycle.onStop('slow', () => new Promise((resolve) => (finish = resolve)));
    installSignalHandlers(lifecycle, log, source);
    source.emit('SIGTERM');
    source.emit('SIGINT');
    expect(exits).toEqual([1]);
    finish();
    expect(await lifecycle.stop('again')).toBe(true);
    await Promise.resolve();
    expect(exits).toEqual([1, 0]);
  });

  it('ends the process on an error nobody caught', () => {
    const { lifecycle, log, source, exits, text } = setUp();
    installSignalHandlers(lifecycle, log, source);
    source.emit('unhandledRejection', new Error('bug'));
    expect(exits).toEqual([1]);
    expect(text()).toContain('"level":"fatal"');
  });
});

import { AppError } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { createTestLog } from './testing.ts';

describe('createLogger', () => {
  it('cuts out secrets wherever they usually stand', () => {
    const { log, text } = createTestLog();
    const headers = { authorization: 'Bearer hunter2', 'x-api-key': 'hunter2' };
    log.info({ headers, req: { headers }, password: 'hunter2', body: 'hunter2' }, 'careless');
    expect(text()).toContain('[redacted]');
    expect(text()).not.toContain('hunter2');
  });

  it('shows the code of an error and its cause, not its faults', () => {
    const { log, text } = createTestLog();
    const faults = [{ code: 'invalid-event', pointer: '/a', detail: 'found "hunter2"' }] as const;
    log.error(
      { err: new AppError('bus-unavailable', 'no', { cause: new Error('refused'), faults }) },
      'failed',
    );
    expect(text()).toContain('"code":"bus-unavailable"');
    expect(text()).toContain('refused');
    expect(text()).not.toContain('hunter2');
  });
});

import { describe, expect, it } from '@jest/globals';
import { AppError, type Principal, SECOND_MS } from '@tidemark/core';
import { LiveConnections } from './connections.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { createHeldClock, organization, principalOf, settle } from './test-feed.ts';

function open(limits = { connectionsMax: 4, perOrganizationMax: 3, perCredentialMax: 2 }) {
  const clock = createHeldClock();
  const said: string[] = [];
  const connections = new LiveConnections({
    hub: { unsubscribe: () => undefined },
    clock,
    log: { warn: () => said.push('warned') },
    telemetry: { increment: () => undefined, set: () => undefined },
    limits,
  });
  const connect = (
    principal: Principal,
    { goes = true, authenticate = () => Promise.resolve(principal) } = {},
  ) => {
    const connection = connections.open({
      principal,
      authenticate,
      answersHeartbeats: false,
      endsWithSubscription: false,
      transport: {
        format: 'websocket',
        bufferedBytes: 0,
        send: (_frame, onTaken) => onTaken(),
        beat: () => undefined,
        setReading: () => undefined,
        close: (reason) => {
          said.push(`close ${reason}`);
          if (goes) connection.end();
        },
        terminate: () => {
          said.push('terminate');
          connection.end();
        },
      },
    });
    return connection;
  };
  return { connections, connect, clock, said };
}

const keyOf = (key: string, whose = 'acme'): Principal => ({
  ...principalOf(organization(whose)),
  credentialId: key,
});

describe('the connections of a process', () => {
  it('are bounded by credential, by organization and in all, and make room when they end', async () => {
    const { connections, connect } = open();
    const first = connect(keyOf('a'));
    connect(keyOf('a'));
    expect(connections.noRoom(keyOf('a'))).toMatchObject({
      reason: 'too-many',
      detail: expect.stringContaining('credential'),
    });
    connect(keyOf('b'));
    expect(connections.noRoom(keyOf('b'))).toMatchObject({
      reason: 'too-many',
      detail: expect.stringContaining('organization'),
    });
    connect(keyOf('c', 'other'));
    expect(connections.noRoom(keyOf('d', 'third'))).toMatchObject({ reason: 'no-room' });
    first.end();
    first.end();
    expect(connections.noRoom(keyOf('a'))).toBeNull();
    const closing = connections.close();
    await closing;
    expect(connections.noRoom(keyOf('a'))).toMatchObject({ reason: 'stopping' });
  });

  it('are ended when they do not go by themselves', async () => {
    const { connections, connect, clock, said } = open();
    connect(keyOf('a'), { goes: false });
    connect(keyOf('b'));
    let isOver = false;
    const closing = connections.close().then(() => (isOver = true));
    await settle();
    expect([isOver, said]).toEqual([false, ['close stopping', 'close stopping']]);
    clock.advance(CLOSE_GRACE_MS);
    await closing;
    expect(said).toEqual(['close stopping', 'close stopping', 'terminate']);
  });

  it('end with what the credential may do, and not while the catalog is away', async () => {
    const { connect, clock, said, connections } = open();
    connect(keyOf('a'), { authenticate: () => Promise.reject(new AppError('catalog-unavailable', 'away')) });
    connect(keyOf('b'), { authenticate: () => Promise.resolve({ ...keyOf('b'), role: 'admin' }) });
    connect(keyOf('c', 'other'), {
      authenticate: () => Promise.reject(new AppError('forbidden', 'disabled')),
    });
    for (let second = 0; second < 30; second += 1) {
      clock.advance(SECOND_MS);
      await settle();
    }
    expect(said).toEqual(['warned', 'close unauthenticated', 'close forbidden', ...said.slice(3)]);
    expect(said.slice(3).every((one) => one === 'warned')).toBe(true);
    await connections.close();
  });
});

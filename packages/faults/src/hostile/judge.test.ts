import { describe, expect, it } from '@jest/globals';
import { judgeAnswer, timeBounds } from './judge.ts';
import type { PlannedRequest } from './plan.ts';
import { parseAnswer } from './raw-http.ts';
import type { Caller, Tenant } from './world.ts';

const caller = (organization: string | null): Caller => ({ name: 'somebody', organization, key: null });
const tenant = (id: string): Tenant => ({
  id,
  canary: `canary${id}0123`,
  admin: caller(id),
  viewer: caller(id),
  producer: caller(id),
  seed: { accepted: 0, requests: 0, from: '', to: '' },
  ids: new Map(),
});
const WORLD = { attacked: [tenant('a'), tenant('b')], bystander: tenant('c'), secrets: ['0secret0'] };
const QUIET_MS = 20;

function judge(
  answer: { status?: number; headers?: string; body?: string; elapsedMs?: number },
  request: Partial<PlannedRequest> = {},
  quietMs = QUIET_MS,
): readonly string[] {
  const { status = 200, headers = 'content-type: application/json', body = '{}', elapsedMs = 5 } = answer;
  const parsed = parseAnswer(Buffer.from(`HTTP/1.1 ${status} X\r\n${headers}\r\n\r\n${body}`), elapsedMs);
  if (parsed === null) throw new Error('this is no answer');
  const asked = {
    operation: 'GET /x',
    attack: 'valid',
    method: 'GET',
    target: '/x',
    headers: [],
    body: null,
    caller: caller('a'),
    ...request,
  };
  return judgeAnswer(asked, parsed, WORLD, timeBounds(quietMs)).map(({ breach }) => breach);
}

const PROBLEM = 'content-type: application/problem+json; charset=utf-8';

describe('an answer', () => {
  it.each([200, 202, 204, 304])('of %i is fine', (status) => expect(judge({ status })).toEqual([]));

  it('may refuse with a code of the table', () =>
    expect(judge({ status: 422, headers: PROBLEM, body: '{"code":"invalid-query"}' })).toEqual([]));

  it.each([
    ['another status', 400, PROBLEM, '{"code":"invalid-query"}'],
    ['an unknown code', 422, PROBLEM, '{"code":"whatever"}'],
    ['a name every object has', 422, PROBLEM, '{"code":"constructor"}'],
    ['plain JSON', 422, 'content-type: application/json', '{"code":"invalid-query"}'],
    ['nothing', 417, 'content-length: 0', ''],
  ])('may not refuse with %s', (_name, status, headers, body) =>
    expect(judge({ status, headers, body })).toEqual(['a refusal that is no problem+json of the table']),
  );

  it('may not be a fault', () =>
    expect(judge({ status: 500, headers: PROBLEM, body: '{"code":"internal"}' })).toEqual([
      'a fault of the server',
    ]));

  it('may not give up for lack of means', () =>
    expect(
      judge({ status: 503, headers: `${PROBLEM}\r\nRetry-After: 1`, body: '{"code":"overloaded"}' }),
    ).toEqual(['refused for lack of means']));

  it('may run out of time where even simple questions take long', () => {
    const answer = { status: 503, headers: `${PROBLEM}\r\nRetry-After: 1`, body: '{"code":"query-timeout"}' };
    expect([judge(answer), judge(answer, {}, 300)]).toEqual([['refused for lack of means'], []]);
  });

  it('may show what its organization has, and no other', () => {
    expect(judge({ body: '"canarya0123"' })).toEqual([]);
    expect(judge({ body: '"canaryb0123"' })).toEqual(['another organization shows']);
    expect(judge({ body: '"canaryc0123"' })).toEqual(['another organization shows']);
    expect(judge({ headers: 'x-name: canaryb0123' })).toEqual(['another organization shows']);
  });

  it('may say again what it was told', () => {
    expect(judge({ body: '"canaryb0123"' }, { target: '/x/canaryb%30123' })).toEqual([]);
    expect(judge({ body: 'SELECT x FROM y' }, { body: Buffer.from('SELECT x FROM y') })).toEqual([]);
  });

  it('may not show secrets, nor what was injected', () => {
    expect(judge({ body: 'tm_x_0secret0' })).toEqual(['a secret shows']);
    expect(judge({ headers: 'Set-Cookie: x=1' })).toEqual(['a header was injected']);
  });

  it.each([
    'Error: x\n    at run (/srv/app/run.js:1:2)',
    'Code: 62. DB::Exception: Syntax error',
    'SELECT count() FROM events',
    "TypeError: Cannot read properties of undefined (reading 'x')",
    'duplicate key value violates unique-key constraint',
    'connect ECONNREFUSED 127.0.0.1:5432',
    'root:x:0:0:root:/root',
    '/srv/node_modules/fastify',
  ])('may not show the inside: %s', (body) =>
    expect(new Set(judge({ status: 200, body }))).toEqual(new Set(['the inside shows'])),
  );

  it('has ten seconds, more where somebody waits or the machine is busy', () => {
    expect(judge({ elapsedMs: 10_001 })).toEqual(['too slow']);
    expect(judge({ elapsedMs: 14_000 }, { target: '/x?wait=stored&timeout=5' })).toEqual([]);
    expect(judge({ elapsedMs: 16_000 }, { target: '/x?wait=stored&timeout=5' })).toEqual(['too slow']);
    expect(judge({ elapsedMs: 16_000 }, {}, 1_000)).toEqual([]);
  });
});

/** The test of the test: what processes and answers do while faults go on, wrong on purpose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { WaitLevel } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';
import { type Server, waitUntil } from '@tidemark/testkit/cluster';
import { mibMaxOf, ProcessCheck } from './check-processes.ts';
import { WaitCheck } from './check-waits.ts';
import { Disturbances } from './disturbances.ts';
import { Findings } from './findings.ts';
import type { HttpAnswer } from './http.ts';
import { freezeTree, listTree } from './process-tree.ts';
import { createRandom } from './random.ts';
import { Refusals } from './refusals.ts';
import { planRequest } from './requests.ts';
import { Supervised, type UnexcusedEnd } from './supervised.ts';
import { answerOf, FRESH, listFound, SEED } from './test-fixture.ts';

let findings: Findings;
beforeEach(() => {
  findings = new Findings(() => 0);
});
const answer = (status: number, body: HttpAnswer['body'] = {}, headers = {}): HttpAnswer => ({
  status,
  body,
  headers,
});

describe('the check of refusals', () => {
  it('agrees with those that say when to come again, and counts them by kind', () => {
    const refusals = new Refusals(findings);
    for (const share of [12, 340]) {
      const body = { code: 'rate-limited', detail: `the share is ${share} events` };
      refusals.take(answer(429, body, { 'retry-after': '1' }), {});
    }
    refusals.take(answer(503, { code: 'overloaded' }, { 'retry-after': '10' }), {});
    expect(listFound(findings)).toEqual([]);
    expect(refusals.figures()).toEqual({
      '429 rate-limited: the share is N events': 2,
      '503 overloaded: ': 1,
    });
  });

  it('reports another status, and a refusal without a hint', () => {
    const refusals = new Refusals(findings);
    refusals.take(answer(500), {});
    refusals.take(answer(503), {});
    refusals.take(answer(429, {}, { 'retry-after': 'soon' }), {});
    expect(listFound(findings).map(([, what]) => what)).toEqual([
      'a request was refused with another status',
      'a refusal does not say when to come again',
      'a refusal does not say when to come again',
    ]);
  });
});

describe('the check of processes', () => {
  const end: UnexcusedEnd = { what: 'ended by itself', atMs: 1, detail: 'log' };

  it('agrees with what stays below its bound', () => {
    new ProcessCheck(findings).take({ name: 'ingest', unexcusedEnds: [] }, mibMaxOf('ingest'));
    expect(listFound(findings)).toEqual([]);
  });

  it('reports growth once, and every end that nothing explains once', () => {
    const check = new ProcessCheck(findings);
    for (const mib of [801, 802]) check.take({ name: 'ingest', unexcusedEnds: [end] }, mib);
    check.take({ name: 'ingest', unexcusedEnds: [end, end] }, null);
    expect(listFound(findings).map(([, what]) => what)).toEqual([
      'a process holds more memory than its bound',
      'a process ended by itself although nothing was done to it',
      'a process ended by itself although nothing was done to it',
    ]);
  });

  /** Ends by itself as soon as it runs, once. */
  function fragileServer(): Server {
    let pid: number | undefined = 1;
    return {
      name: 'fragile',
      address: '',
      logFile: 'fragile.log',
      pid: () => {
        const now = pid;
        pid = now === 1 ? undefined : now;
        return now;
      },
      start: () => {
        pid = 2;
        return Promise.resolve();
      },
      signal: () => undefined,
      kill: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  }

  it.each([
    ['nothing was away', false, 1],
    ['a backend was away', true, 0],
  ])('judges an end when %s', async (_what, isAway, expected) => {
    const needs = [{ wasDisturbed: () => isAway }];
    const server = fragileServer();
    const one = new Supervised(server, { isWanted: true, nowMs: () => 0, needs });
    server.pid();
    one.watch();
    await waitUntil(() => Promise.resolve(one.figures().endedByItself === 1 && one.isUp), {
      what: 'it to be started again',
      deadlineMs: 5_000,
    });
    await one.close();
    expect(one.unexcusedEnds.length).toBe(expected);
  });

  it('remembers disturbances and a little of their aftermath', () => {
    let nowMs = 1_000;
    const disturbances = new Disturbances(() => nowMs);
    const endDisturbance = disturbances.begin();
    expect(disturbances.wasDisturbed(5_000, 6_000)).toBe(true);
    nowMs = 2_000;
    endDisturbance();
    expect([0, 1_000, 4_000, 4_001].map((atMs) => disturbances.wasDisturbed(atMs, atMs))).toEqual([
      ...[false, true, true, false],
    ]);
  });
});

describe('freezing', () => {
  const stateOf = (pid: number): string =>
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.slice(0, 1) ?? '';

  it('stops a process and its children, and lets them go on', async () => {
    const script = "require('child_process').spawn('sleep', ['60']); setInterval(() => {}, 1000)";
    const parent: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    const pid = parent.pid ?? 0;
    const ended = once(parent, 'exit');
    let tree: readonly number[] = [];
    const states = (wanted: (state: string) => boolean) =>
      waitUntil(() => Promise.resolve(tree.map(stateOf).every(wanted)), {
        what: 'all of them to be in that state',
        deadlineMs: 5_000,
      });
    try {
      await waitUntil(() => Promise.resolve((tree = listTree(pid)).length === 2), {
        what: 'its child',
        deadlineMs: 10_000,
      });
      const thaw = freezeTree(pid);
      await states((state) => state === 'T');
      thaw();
      await states((state) => state !== 'T');
      expect(tree[0]).toBe(pid);
    } finally {
      for (const one of [...tree, pid]) if (one !== pid) process.kill(one, 'SIGKILL');
      parent.kill('SIGKILL');
      await ended;
    }
  });
});

describe('the check of waits', () => {
  const request = planRequest(SEED, FRESH);
  const reached = (level: WaitLevel, reachedIt = true) => ({ wait: { level, reached: reachedIt, dead: [] } });

  function checkOf(options: { readonly visible: number | null; readonly rows?: () => Promise<number> }) {
    const points = [{ start: '', end: '', value: options.visible, partial: true }];
    const series = [{ metric: 'llm.requests', dimensions: {}, points }];
    return new WaitCheck({
      system: { countRows: options.rows ?? null },
      questions: {
        ask: () => Promise.resolve(options.visible === null ? null : answerOf(series)),
      },
      findings,
      random: createRandom(1),
    });
  }

  it('agrees with what is there, and judges nothing when nobody can say', async () => {
    const there = checkOf({ visible: 1, rows: () => Promise.resolve(1) });
    await there.take(answer(200, reached('visible')), 'visible', request);
    await there.take(answer(200, reached('stored')), 'stored', request);
    await there.take(answer(202, reached('stored', false)), 'stored', request);
    await there.take(answer(202), null, request);
    expect(there.figures()).toEqual({ reached: 2, notInTime: 1, confirmed: 2 });
    const away = () => Promise.reject(new AppError('warehouse-unavailable', 'away'));
    const unknown = checkOf({ visible: null, rows: away });
    await unknown.take(answer(200, reached('visible')), 'visible', request);
    await unknown.take(answer(200, reached('stored')), 'stored', request);
    expect(unknown.figures().confirmed).toBe(0);
    expect(listFound(findings)).toEqual([]);
  });

  it('reports what is not visible, and what is not stored', async () => {
    const absent = checkOf({ visible: 0, rows: () => Promise.resolve(0) });
    await absent.take(answer(200, reached('visible')), 'visible', request);
    await absent.take(answer(200, reached('stored')), 'stored', request);
    expect(listFound(findings)).toEqual([
      ['I11', 'an event is not visible although the wait for that was answered'],
      ['I11', 'an event is not stored although the wait for that was answered'],
    ]);
  });

  it('reports answers that do not say what was asked', async () => {
    const check = checkOf({ visible: 1, rows: () => Promise.resolve(1) });
    await check.take(answer(202, reached('stored')), 'stored', request);
    await check.take(answer(200, reached('stored')), 'visible', request);
    await check.take(answer(202), 'stored', request);
    await check.take(answer(200), null, request);
    const what = 'an answer does not say how far the events are';
    expect(listFound(findings).filter(([, found]) => found === what).length).toBe(3);
  });
});

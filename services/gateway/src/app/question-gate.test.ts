import { describe, expect, it } from '@jest/globals';
import { parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import { createQuestionGate } from './question-gate.ts';

const ACME = parseOrganizationId('acme') as OrganizationId;
const GLOBEX = parseOrganizationId('globex') as OrganizationId;

/** Work that ends when it is told to. */
function createWork() {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    end: (name: string) => ends.get(name)?.(),
    start: (name: string) => () => {
      started.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the question gate', () => {
  it('lets each organization have its places, and the next one in as one ends', async () => {
    const gate = createQuestionGate(() => 2);
    const work = createWork();
    const asked = ['a', 'b', 'c', 'd'].map((name) => gate.pass(ACME, work.start(name)));
    const other = gate.pass(GLOBEX, work.start('other'));
    await settle();
    expect(work.started).toEqual(['a', 'b', 'other']);
    work.end('b');
    await expect(asked[1]).resolves.toBe('b');
    await settle();
    expect(work.started).toEqual(['a', 'b', 'other', 'c']);
    work.end('a');
    await settle();
    expect(work.started).toEqual(['a', 'b', 'other', 'c', 'd']);
    for (const name of ['c', 'd', 'other']) work.end(name);
    await expect(Promise.all([...asked, other])).resolves.toEqual(['a', 'b', 'c', 'd', 'other']);
  });

  it('gives the place on when a question fails', async () => {
    const gate = createQuestionGate(() => 1);
    const failing = gate.pass(ACME, () => Promise.reject(new Error('no')));
    const next = gate.pass(ACME, () => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });

  it('forgets who has gone while waiting', async () => {
    const gate = createQuestionGate(() => 1);
    const work = createWork();
    const first = gate.pass(ACME, work.start('first'));
    const gone = new AbortController();
    const leaving = gate.pass(ACME, work.start('never'), gone.signal);
    const next = gate.pass(ACME, work.start('next'));
    gone.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    await expect(gate.pass(ACME, work.start('never'), gone.signal)).rejects.toThrow('gone');
    work.end('first');
    await expect(first).resolves.toBe('first');
    await settle();
    expect(work.started).toEqual(['first', 'next']);
    work.end('next');
    await expect(next).resolves.toBe('next');
  });

  it('refuses what would wait behind too many', async () => {
    const gate = createQuestionGate(() => 1);
    const work = createWork();
    const first = gate.pass(ACME, work.start('first'));
    const waiting = Array.from({ length: 200 }, () => gate.pass(ACME, () => Promise.resolve('late')));
    await expect(gate.pass(ACME, () => Promise.resolve('never'))).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterSeconds: 1,
    });
    await settle();
    work.end('first');
    await expect(first).resolves.toBe('first');
    await expect(Promise.all(waiting)).resolves.toHaveLength(200);
  });
});

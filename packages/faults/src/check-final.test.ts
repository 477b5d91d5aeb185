/** The test of the test: what the last checkpoint asks, with answers that are wrong on purpose. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { deadLetterId, EVENTS_TOPIC } from '@tidemark/contracts';
import type { Answer } from '@tidemark/core';
import { checkEstimates, checkGroups, summarize } from './check-estimates.ts';
import { checkLetters, checkLetterStore, checkPoison, countMissing } from './check-letters.ts';
import { checkTiersRead, checkVerified, type VerifiedDay } from './check-rollups.ts';
import { Findings } from './findings.ts';
import { Oracle } from './oracle.ts';
import { latencyOf } from './planned-event.ts';
import type { FoundLetter } from './questions.ts';
import { REJECTS_SOURCE, type RejectOutcome } from './rejects.ts';
import { acknowledge, answerOf, FRESH, listFound } from './test-fixture.ts';

let findings: Findings;
beforeEach(() => {
  findings = new Findings(() => 0);
});

describe('the check of rollups', () => {
  const verified: VerifiedDay = {
    from: '2026-01-10T00:00:00Z',
    ...{ checkedBuckets: 9, differences: [], duplicates: [] },
  };
  const difference = {
    ...{ tier: '1m' as const, bucket: '2026-01-10T00:00:00Z', metrics: [], measure: 'm' },
    ...{ dimensions: [], columns: ['events'], raw: '1', rollup: '2' },
  };

  it('agrees with rollups that are read and right', () => {
    checkTiersRead({ ...answerOf([]), tiersRead: ['1d', 'raw'] }, 0, findings);
    checkVerified([verified], 0, findings);
    expect(listFound(findings)).toEqual([]);
  });

  it('reports answers from raw alone, differences, duplicates, and that nothing was compared', () => {
    checkTiersRead({ ...answerOf([]), tiersRead: ['raw'] }, 0, findings);
    const duplicate = { source: '/s', id: 'a', copies: 2 };
    checkVerified([{ ...verified, differences: [difference], duplicates: [duplicate] }], 0, findings);
    checkVerified([{ ...verified, checkedBuckets: 0 }], 0, findings);
    expect(listFound(findings)).toEqual([
      ['I4', 'no rollup was read although all are made'],
      ['I4', 'a rollup is not what raw gives'],
      ['I2', 'verify finds an event more than once in raw'],
      ['I4', 'verify has compared nothing'],
    ]);
  });
});

describe('the check of estimates', () => {
  const organization = FRESH.batch % 3;
  const oracle = new Oracle();
  for (let batch = FRESH.batch; batch < 60; batch += 3) acknowledge(oracle, { ...FRESH, batch });
  const summary = summarize(oracle)[organization];
  if (summary === undefined) throw new Error('there is no summary');
  const sorted = [...summary.llmTokens].toSorted((a, b) => a - b);
  const at = (level: number): number => latencyOf(sorted[Math.floor(level * (sorted.length - 1))] ?? 0);
  const right: Readonly<Record<string, number>> = {
    'llm.latency_p50': at(0.5),
    'llm.latency_p95': at(0.95),
    'llm.latency_p99': at(0.99),
    'llm.users': summary.users,
    'http.requests': summary.httpTokens.length,
    'http.duration_min': latencyOf(Math.min(...summary.httpTokens)),
    'http.duration_max': latencyOf(Math.max(...summary.httpTokens)),
  };
  const one = (metric: string, value: number, model: string | null = null): Answer['series'][number] => ({
    metric,
    dimensions: { model },
    points: [{ start: '', end: '', value, partial: false }],
  });
  const answer = (values: Readonly<Record<string, number>>): Answer =>
    answerOf(Object.entries(values).map(([metric, value]) => one(metric, value)));

  it('has something of everything to compare', () => {
    expect(Math.min(summary.llmTokens.length, summary.users)).toBeGreaterThan(100);
    expect(summary.httpTokens.length).toBeGreaterThan(10);
  });

  it('agrees with what is right, and with estimates as close as they say', () => {
    checkEstimates(answer(right), summary, organization, findings);
    checkEstimates(
      answer({ ...right, 'llm.latency_p95': at(0.95) * 1.009 }),
      summary,
      organization,
      findings,
    );
    expect(listFound(findings)).toEqual([]);
  });

  it.each(Object.keys(right))('reports that %s is off', (metric) => {
    checkEstimates(answer({ ...right, [metric]: (right[metric] ?? 0) * 1.011 }), summary, 0, findings);
    const others = Object.entries(right).filter(([name]) => name !== metric);
    checkEstimates(answer(Object.fromEntries(others)), summary, organization, findings);
    expect(listFound(findings).map(([invariant]) => invariant)).toEqual(['I4', 'I4']);
  });

  it('reports a group that is absent, wrong or not theirs', () => {
    const groups = [...summary.models].flatMap(([model, { requests, tokens }]) => [
      one('llm.requests', requests, model),
      one('llm.prompt_tokens', tokens, model),
    ]);
    checkGroups(answerOf(groups), summary, organization, findings);
    expect(listFound(findings)).toEqual([]);
    checkGroups(answerOf(groups.slice(2)), summary, organization, findings);
    checkGroups(answerOf([...groups.slice(0, -1), one('llm.prompt_tokens', 1, 'm-3')]), summary, 0, findings);
    checkGroups(answerOf([...groups, one('llm.requests', 1, 'm-9')]), summary, organization, findings);
    expect(listFound(findings).map(([invariant]) => invariant).length).toBe(3);
  });
});

describe('the check of dead letters', () => {
  const letter = (eventId: string, change: Partial<FoundLetter> = {}): FoundLetter => ({
    ...{ id: `ingest:${eventId}`, organization: 'amber', stage: 'ingest', eventId },
    eventSource: REJECTS_SOURCE,
    ...change,
  });
  const outcomes = new Map<string, RejectOutcome>([
    ['x-0', 'acknowledged'],
    ['x-1', 'acknowledged'],
    ['x-2', 'unknown'],
  ]);

  it('agrees with one letter for each, and with none for what nobody acknowledged', () => {
    checkLetters([letter('x-0'), letter('x-1')], outcomes, 0, findings);
    checkLetters([letter('x-0'), letter('x-1'), letter('x-2')], outcomes, 0, findings);
    expect(listFound(findings)).toEqual([]);
    expect(countMissing([letter('x-0')], outcomes)).toBe(1);
  });

  const WRONG: [string, readonly FoundLetter[], [string, string][]][] = [
    ['a lost one', [letter('x-0')], [['I1', 'what was rejected is in no dead letter']]],
    [
      'a doubled one',
      [letter('x-0'), letter('x-1'), letter('x-1', { id: 'ingest:other' })],
      [['I2', 'what was rejected once is in several dead letters']],
    ],
    [
      'one that nobody sent',
      [letter('x-0'), letter('x-1'), letter('x-9')],
      [['I2', 'a dead letter of what was never sent']],
    ],
    [
      "another organization's",
      [letter('x-0'), letter('x-1', { organization: 'birch' })],
      [['I6', 'a dead letter of another organization is shown']],
    ],
  ];
  it.each(WRONG)('reports %s', (_what, letters, expected) => {
    checkLetters(letters, outcomes, 0, findings);
    expect(listFound(findings)).toEqual(expected);
  });

  it('wants one letter for each record that is no event', () => {
    const place = { partition: 1, offset: 7 };
    const poison = { id: deadLetterId({ topic: EVENTS_TOPIC, ...place }) };
    checkPoison([poison], [place], findings);
    expect(listFound(findings)).toEqual([]);
    checkPoison([], [place], findings);
    checkPoison([poison, poison], [place], findings);
    expect(findings.violationCount).toBe(2);
  });

  it('holds the store to the topic', () => {
    const owners = new Map([
      ['a', 'amber'],
      ['b', ''],
    ]);
    const stored = [
      { organization: 'amber', id: 'a', copies: 1 },
      { organization: '', id: 'b', copies: 1 },
    ];
    checkLetterStore({ owners, unreadable: 0 }, stored, findings);
    expect(listFound(findings)).toEqual([]);
    checkLetterStore({ owners, unreadable: 1 }, stored.slice(1), findings);
    const wrong = [
      { organization: 'amber', id: 'a', copies: 2 },
      { organization: 'birch', id: 'b', copies: 1 },
      { organization: 'amber', id: 'c', copies: 1 },
    ];
    checkLetterStore({ owners, unreadable: 0 }, wrong, findings);
    expect(listFound(findings).map(([, what]) => what)).toEqual([
      'the topic of the dead letters holds what is no letter',
      'a dead letter of the topic is not in the store',
      'a dead letter is in the store more than once',
      'the store has a dead letter that the topic has not',
      'the store has a dead letter that the topic has not',
    ]);
  });
});

/** The test of the test: whatever is wrong with an answer must be reported, and nothing else. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, MINUTE_MS, type Point } from '@tidemark/core';
import { checkTenant, checkTotals, ClosedBuckets, foldBuckets, SUMMED_METRICS } from './check-answers.ts';
import { Findings } from './findings.ts';
import { Oracle } from './oracle.ts';
import { microText } from './planned-event.ts';
import { acknowledge, answerOf, FRESH, listFound } from './test-fixture.ts';

let findings: Findings;
let oracle: Oracle;
beforeEach(() => {
  findings = new Findings(() => 0);
  oracle = new Oracle();
});

describe('the check of answers', () => {
  beforeEach(() => acknowledge(oracle, FRESH));

  const organization = FRESH.batch % 3;
  const point = (startMs: number, value: Point['value']): Point => ({
    start: new Date(startMs).toISOString(),
    end: new Date(startMs + MINUTE_MS).toISOString(),
    value,
    partial: false,
  });
  /** Of every metric, right unless changed. */
  function rightAnswer(change: (value: string, metric: string) => string = (value) => value): Answer {
    const buckets = [...foldBuckets(oracle.minutes(organization), MINUTE_MS)];
    const texts = [
      (count: number) => String(count),
      (_count: number, tokens: number) => String(tokens),
      (_count: number, tokens: number) => microText(tokens),
    ];
    return answerOf(
      SUMMED_METRICS.map((metric, index) => ({
        metric,
        dimensions: {},
        points: buckets.map(([startMs, { acknowledged, tokens }]) =>
          point(startMs, change(texts[index]?.(acknowledged, tokens) ?? '', metric)),
        ),
      })),
    );
  }
  const checkIt = (one: Answer): void =>
    checkTotals(one, foldBuckets(oracle.minutes(organization), MINUTE_MS), organization, findings);

  it('agrees with right sums, however zeros are written', () => {
    checkIt(rightAnswer());
    checkIt(rightAnswer((value, metric) => (metric === 'llm.cost' ? `${value}000` : value)));
    expect(listFound(findings)).toEqual([]);
    expect(findings.lines().find(({ invariant }) => invariant === 'I4')?.checked).toBeGreaterThan(6);
  });

  it('reports a sum that is off by one, a missing point and one too many', () => {
    checkIt(rightAnswer((value, metric) => (metric === 'llm.requests' ? String(Number(value) + 1) : value)));
    expect(findings.violationCount).toBe(oracle.minutes(organization).size);
    const right = rightAnswer();
    const lacking = right.series.map((one) => ({ ...one, points: one.points.slice(1) }));
    checkIt({ ...right, series: lacking });
    expect(findings.violationCount).toBe(oracle.minutes(organization).size + 3);
    checkTotals(
      answerOf([{ metric: 'llm.requests', dimensions: {}, points: [point(0, 1)] }]),
      new Map(),
      0,
      findings,
    );
    expect(findings.violationCount).toBe(oracle.minutes(organization).size + 4);
  });

  it('reports rows of another organization', () => {
    const series = (service: string | null) => ({
      metric: 'llm.requests',
      dimensions: { service },
      points: [],
    });
    checkTenant(answerOf([series('svc-birch')]), 1, findings);
    expect(listFound(findings)).toEqual([]);
    checkTenant(answerOf([series('svc-birch'), series('svc-amber')]), 1, findings);
    checkTenant(answerOf([series(null)]), 1, findings);
    expect(listFound(findings).map(([invariant]) => invariant)).toEqual(['I6', 'I6']);
  });

  describe('closed buckets', () => {
    const counts = (change: number): Answer => {
      const minutes = [...foldBuckets(oracle.minutes(organization), MINUTE_MS)];
      const points = minutes.map(([startMs, { acknowledged }]) => point(startMs, acknowledged + change));
      return answerOf([{ metric: 'llm.requests', dimensions: {}, points }]);
    };

    it('may hold late events, and keep them', () => {
      const closed = new ClosedBuckets(oracle, findings);
      closed.take(counts(0), organization);
      acknowledge(oracle, { ...FRESH, batch: 6 });
      closed.take(counts(0), organization);
      expect(listFound(findings)).toEqual([]);
    });

    it('are reported when they lack what came in time, or are absent', () => {
      const closed = new ClosedBuckets(oracle, findings);
      closed.take(answerOf([]), organization);
      expect(listFound(findings)[0]?.[0]).toBe('I10');
    });

    it('are reported when they lose what they have said', () => {
      const closed = new ClosedBuckets(oracle, findings);
      closed.take(counts(0), organization);
      closed.take(counts(-1), organization);
      expect(findings.violationCount).toBe(oracle.minutes(organization).size);
    });

    it('are reported when they hold more than was sent', () => {
      new ClosedBuckets(oracle, findings).take(counts(1), organization);
      expect(findings.violationCount).toBe(oracle.minutes(organization).size);
    });
  });
});

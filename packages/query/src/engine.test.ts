import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, Query, Series } from '@tidemark/core';
import { createChdbExecutor } from '@tidemark/warehouse';
import { inParallel } from './in-parallel.ts';
import { isEstimated } from './testing/fold-metrics.ts';
import { type FoldAnswer, type FoldPoint, type FoldSeries, naiveFold } from './testing/naive-fold.ts';
import { type Random, randomFrom } from './testing/random.ts';
import { type AskedQuestion, randomQuestion } from './testing/random-question.ts';
import { openTestWarehouse, organizationId, type TestWarehouse } from './testing/warehouse.ts';
import { createWorld, type World } from './testing/world.ts';

/** As many as fit the time, of these at most; each costs about a fifth of a second of one core, pages and comparisons included. */
const QUESTIONS_MAX = 2_000;
const QUESTIONS_MIN = 60;
const QUESTIONS_PER_WORLD = 60;
const QUESTIONS_AT_ONCE = 4;
const BUDGET_MS = 80_000;
/** A page after the other, up to this many. */
const PAGES_MAX = 60;
/** Of one run; `TIDEMARK_TEST_SEED` repeats it. */
const SEED = Number(process.env['TIDEMARK_TEST_SEED'] ?? randomInt(2 ** 31));

let warehouse: TestWarehouse;
beforeAll(async () => {
  warehouse = await openTestWarehouse(createChdbExecutor);
}, 60_000);
afterAll(() => warehouse.close());

function expectPoints(actual: Series['points'], expected: readonly FoldPoint[], where: string): void {
  const shape = ({ start, end, partial }: { start: string; end: string; partial: boolean }) => ({
    start,
    end,
    partial,
  });
  expect({ where, points: actual.map(shape) }).toEqual({ where, points: expected.map(shape) });
  expected.forEach(({ value, start }, index) => {
    const found = actual[index]?.value ?? null;
    if (value === null || typeof value !== 'object') {
      if (found === value) return;
      throw new Error(`${where} ${start}: ${String(found)} is not ${String(value)}`);
    }
    const near = (truth: number) => Math.abs(Number(found) - truth) <= Math.abs(truth) * 0.0100001 + 1e-9;
    if (!value.between.some(near))
      throw new Error(`${where} ${start}: ${String(found)} is not near ${String(value.between)}`);
  });
}

function expectSeries(actual: readonly Series[], expected: readonly FoldSeries[], query: Query): void {
  const groupBy = query.groupBy ?? [];
  const nameOf = (group: readonly string[] | null, metric: string) => JSON.stringify([group, metric]);
  const named = actual.map((series) => ({
    name: nameOf(
      series.isOther === true ? null : groupBy.map((key) => series.dimensions[key] ?? ''),
      series.metric,
    ),
    series,
  }));
  const wanted = expected.map((series) => ({ name: nameOf(series.group, series.metric.name), series }));
  // Groups that are ranked by an estimate may come in another order; then all of them are shown.
  const isRanked = query.orderBy !== undefined || groupBy.length === 0;
  const sort = <T extends { name: string }>(list: T[]) =>
    isRanked ? list : list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const left = sort(named);
  const right = sort(wanted);
  expect(left.map(({ name }) => name)).toEqual(right.map(({ name }) => name));
  right.forEach(({ name, series }, index) => {
    const found = left[index]?.series;
    expectPoints(found?.points ?? [], series.points, name);
    if (series.compared === undefined) return;
    expectPoints(found?.compared?.points ?? [], series.compared.points, `${name} compared`);
    if (isEstimated(series.metric)) return;
    const change = series.compared.changePercent;
    expect(found?.compared?.changePercent ?? null).toEqual(
      change === null || 'between' in change ? null : change.toNumber() + 0,
    );
  });
}

function expectAnswer(answer: Answer, expected: FoldAnswer, query: Query): void {
  expectSeries(answer.series, expected.series, query);
  expect(answer.groupsOmitted).toBe(expected.groupsOmitted);
  expect(answer.nextCursor === null).toBe(!expected.hasNext);
}

/** The question, and (of some) all the pages behind it. */
async function checkQuestion(world: World, { query, fold }: AskedQuestion, random: Random): Promise<Answer> {
  const { organization, engine, events, ...context } = world;
  const principal = { organization, role: 'admin', user: null } as const;
  const answer = await engine.ask(principal, query);
  expectAnswer(answer, naiveFold(events, fold, context), query);
  if (answer.nextCursor === null || random.chance(0.6)) return answer;
  let cursor: string | null = answer.nextCursor;
  let skip = fold.limit ?? 0;
  for (let page = 1; cursor !== null; page += 1) {
    expect(page).toBeLessThan(PAGES_MAX);
    const limit = 1 + random.below(20);
    const next = await engine.ask(principal, { ...query, cursor, limit });
    expectAnswer(next, naiveFold(events, { ...fold, skip, limit }, context), query);
    cursor = next.nextCursor;
    skip += limit;
  }
  return answer;
}

/** Questions of two organizations whose events lie at the same time; throws for the first answer that is wrong. */
async function checkWorld(index: number, tiersSeen: Set<string>): Promise<void> {
  const random = randomFrom(SEED + index);
  const here = await createWorld(warehouse, organizationId(`world-${index}`), random);
  const other = await createWorld(warehouse, organizationId(`world-${index}-other`), random);
  const questions = Array.from({ length: QUESTIONS_PER_WORLD }, (_, question) => {
    const world = question % 8 === 0 ? other : here;
    return {
      question,
      world,
      asked: randomQuestion(random, world.span),
      random: randomFrom(random.below(2 ** 31)),
    };
  });
  await inParallel(questions, { atOnceMax: QUESTIONS_AT_ONCE, signal: undefined }, async (one) => {
    try {
      const { tiersRead } = await checkQuestion(one.world, one.asked, one.random);
      for (const tier of tiersRead) tiersSeen.add(tier);
    } catch (error) {
      throw new Error(
        `TIDEMARK_TEST_SEED=${SEED}, world ${index}, question ${one.question}: ${JSON.stringify(one.asked.query)} ${String(error)}`,
        { cause: error },
      );
    }
  });
}

describe('the engine against a naive fold', () => {
  it('gives the same numbers whatever is asked, rolled up, marked and open', async () => {
    const tiersSeen = new Set<string>();
    const endMs = performance.now() + BUDGET_MS;
    let questions = 0;
    for (let index = 0; questions < QUESTIONS_MAX; index += 1) {
      if (questions >= QUESTIONS_MIN && performance.now() > endMs) break;
      await checkWorld(index, tiersSeen);
      questions += QUESTIONS_PER_WORLD;
    }
    expect([...tiersSeen].toSorted()).toEqual(['15m', '1d', '1m', 'raw']);
  }, 300_000);
});

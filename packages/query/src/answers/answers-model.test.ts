import { expect, it } from '@jest/globals';
import { createMemoryCache } from '@tidemark/cache';
import { MINUTE_MS } from '@tidemark/core';
import fc from 'fast-check';
import {
  ACME,
  createProcess,
  organization,
  questionOf,
  settle,
  START_MS,
  valueOf,
  World,
} from './test-answers.ts';

/** Minutes of the world, before and after the progress it begins with. */
const FIRST_MINUTE = -4;
const LAST_MINUTE = 4;
const OTHER = organization('other');

const minute = fc.integer({ min: FIRST_MINUTE, max: LAST_MINUTE - 1 });
const process = fc.constantFrom(0, 1);
/** Few ranges, so that they are asked again. */
const range = fc.constantFrom([-3, -1] as const, [-2, 1] as const, [0, 2] as const);
const which = fc.nat(3);
const whose = fc.constantFrom(ACME.organization, OTHER);
const flushes = fc.integer({ min: 1, max: 3 });
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('insert' as const), minute, whose }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('follow' as const), process, flushes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tell' as const), minute }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('progress' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      process,
      range,
      useCache: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), process, which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), process, which }) },
);

/**
 * Two processes over one cache; rows become visible, are flushed later, and the processes hear of it later still, each at its own
 * pace; the engine reads and answers when it pleases.
 */
it('an answer is never older than the newest flush of its buckets that was announced when it was asked', async () => {
  let hits = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.constantFrom(3, 6, 1_000),
      async (steps, entriesMax) => {
        const world = new World();
        const cache = createMemoryCache({ clock: world.clock });
        const processes = [createProcess(world, cache, { entriesMax }), createProcess(world, cache)] as const;
        /** Rows that no flush has told of yet. */
        let untold: { minuteMs: number; whose: typeof OTHER }[] = [];
        /** Rows of each flush of the log. */
        const rowsOfFlush: (readonly { minuteMs: number; whose: typeof OTHER }[])[] = [];
        /** How many rows were visible when progress was recorded, by what it said. */
        const visibleAt = new Map([[new Date(world.arrivedThroughMs).toISOString(), 0]]);
        const asking: Promise<void>[] = [];

        const insert = (at: number, owner: typeof OTHER) => {
          const row = { minuteMs: START_MS + at * MINUTE_MS, whose: owner };
          world.insert(row.minuteMs, owner);
          untold.push(row);
        };
        const flush = () => {
          for (const owner of [ACME.organization, OTHER]) {
            const rows = untold.filter((row) => row.whose === owner);
            if (rows.length === 0) continue;
            rowsOfFlush.push(rows);
            world.flush([...new Set(rows.map((row) => row.minuteMs))], owner);
          }
          untold = [];
        };

        for (const one of steps) {
          if (one.kind === 'insert') {
            insert(one.minute, one.whose);
          } else if (one.kind === 'flush') {
            flush();
          } else if (one.kind === 'tell') {
            insert(one.minute, ACME.organization);
            flush();
            for (const each of processes) each.follow();
          } else if (one.kind === 'progress') {
            world.arrivedThroughMs += MINUTE_MS;
            visibleAt.set(new Date(world.arrivedThroughMs).toISOString(), world.rows.length);
          } else if (one.kind === 'follow') {
            processes[one.process].follow(one.flushes);
          } else if (one.kind === 'ask') {
            const asked = processes[one.process];
            const [from, to] = one.range;
            const isWithin = (row: { minuteMs: number }) =>
              row.minuteMs >= START_MS + from * MINUTE_MS && row.minuteMs < START_MS + to * MINUTE_MS;
            const known = rowsOfFlush
              .flat()
              .filter((row) => row.whose === ACME.organization && isWithin(row)).length;
            const progressMs = world.arrivedThroughMs;
            const checked = asked.answers
              .ask(ACME, questionOf(from, to), { useCache: one.useCache })
              .then(({ answer, source }) => {
                if (source === 'cache') {
                  hits += 1;
                  // Flags are those of the progress at the instant of asking, not of an earlier one.
                  expect(answer.series[0]?.points[0]?.partial).toBe(START_MS + to * MINUTE_MS > progressMs);
                }
                expect(valueOf(answer)).toBeGreaterThanOrEqual(known);
                // What it says of its completeness is true of its numbers.
                const visible = world.rows.slice(0, visibleAt.get(answer.completeThrough ?? '') ?? 0);
                const complete = visible.filter(
                  (row) => row.organization === ACME.organization && isWithin(row),
                );
                expect(valueOf(answer)).toBeGreaterThanOrEqual(complete.length);
              });
            asking.push(checked);
          } else {
            const { computations } = processes[one.process];
            const computation = computations[one.which % Math.max(1, computations.length)];
            if (one.kind === 'read') computation?.read();
            else computation?.finish();
          }
          await settle();
        }
        for (const each of processes) each.answerAtOnce();
        await Promise.all(asking);
        for (const { answers } of processes) await answers.close();
      },
    ),
    { numRuns: 150 },
  );
  // Had it never been asked, the cache would prove nothing.
  expect(hits).toBeGreaterThan(100);
}, 60_000);

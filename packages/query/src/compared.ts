/** The other range of a question that compares. */
import { AppError, assertThat, CALENDAR_MIN_MS, shiftBack } from '@tidemark/core';
import { type Asking, type Reading, readFigures } from './asking.ts';
import type { Selection } from './ranking.ts';
import type { Interval } from './plan.ts';
import type { FigureTable } from './series.ts';
import { type Layout, layoutOf, rangeOf, wholeLayout } from './sources.ts';

export interface Compared {
  readonly layout: Layout;
  readonly figures: FigureTable;
  /** Of the closed part of the range and its counterpart; null when nothing of the range is closed. */
  readonly totals: { readonly current: WholeTable; readonly base: WholeTable } | null;
  readonly readings: readonly Reading[];
}

/** Figures of a range as a whole. */
interface WholeTable {
  readonly range: Interval;
  readonly figures: FigureTable;
}

interface MainRead {
  readonly main: Layout;
  readonly selection: Selection;
  readonly completeMs: number | null;
}

/** Complete is compared with complete: the totals end where the range is complete, and at the same place of the base. */
export async function readCompared(
  asking: Asking,
  { main, selection, completeMs }: MainRead,
  read: (layout: Layout) => Promise<Reading>,
): Promise<Compared | null> {
  const { shift, timeZone } = asking.query;
  if (shift === null) return null;
  const { fromMs, toMs } = rangeOf(main);
  const back = (ms: number) => shiftBack(ms, shift, timeZone);
  const baseFromMs = back(fromMs);
  if (back(toMs) <= baseFromMs) {
    throw noBase('the range has no counterpart to compare with in this zone: ask for a longer range');
  }
  if (baseFromMs < CALENDAR_MIN_MS) throw noBase('the range to compare with begins before 1970');
  const layout = layoutOf({ fromMs: baseFromMs, toMs: back(toMs) }, asking.query);
  const closedToMs = Math.min(toMs, completeMs ?? fromMs);
  const layouts = [layout];
  if (closedToMs > fromMs && back(closedToMs) > baseFromMs) {
    layouts.push(wholeLayout({ fromMs, toMs: closedToMs }));
    layouts.push(wholeLayout({ fromMs: baseFromMs, toMs: back(closedToMs) }));
  }
  const readings: Reading[] = [];
  const tables: WholeTable[] = [];
  for (const one of layouts) {
    const reading = await read(one);
    readings.push(reading);
    tables.push({ range: rangeOf(one), figures: await readFigures(asking, reading, selection) });
  }
  const [whole, current, base] = tables;
  assertThat(whole !== undefined, 'the compared range is always read');
  return {
    layout,
    figures: whole.figures,
    totals: current === undefined || base === undefined ? null : { current, base },
    readings,
  };
}

function noBase(detail: string): AppError {
  return new AppError('invalid-query', detail, {
    faults: [{ code: 'invalid-query', pointer: '/compare', detail }],
  });
}

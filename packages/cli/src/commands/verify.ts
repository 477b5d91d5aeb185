import { DAY_MS, HOUR_MS, type Tier } from '@tidemark/core';
import { VERIFY_HOURS_MAX } from '@tidemark/contracts';
import type { CliContext } from '../context.ts';
import { EXIT_FAILED, EXIT_OK } from '../fault.ts';
import { asCount, asList, connect } from '../http/server.ts';
import { parseRange, splitHours, splitRange, toInstants, type Range } from '../range-argument.ts';
import { formatTable, toCell } from '../table.ts';

const DAYS_MAX = 400;
const DAYS_PER_REQUEST = (VERIFY_HOURS_MAX * HOUR_MS) / DAY_MS;
const DIFFERENCE_COLUMNS = ['tier', 'bucket', 'metrics', 'dimensions', 'columns', 'raw', 'rollup'] as const;
/** Rows printed; the figures count all. */
const ROWS_SHOWN_MAX = 1_000;

export interface VerifyOptions {
  readonly from: string;
  readonly to: string;
  readonly json: boolean;
}

interface Verdict {
  checkedBuckets: number;
  skippedDirty: number;
  readonly differences: Rows;
  readonly duplicates: Rows;
  /** Parts of the range and tiers that take too much to be compared at once. */
  readonly notCompared: Rows;
  /** Parts of the range with more differences than are told: not all of their buckets were compared. */
  readonly truncated: Rows;
  /** Parts of the range in which not all copies can have been found. */
  readonly notSearched: Rows;
}

type Rows = Readonly<Record<string, unknown>>[];

/**
 * Has the rollups held to raw: those of days a day at a time, which is when copies are looked for too, the finer ones by the hour, so
 * that each answer comes in time however much there is.
 * @returns not 0 when anything differs, is there twice, or could not be compared
 */
export async function runVerifyCommand(context: CliContext, options: VerifyOptions): Promise<number> {
  const range = parseRange(context, options, DAYS_MAX);
  const server = connect(context);
  const verdict: Verdict = {
    ...{ checkedBuckets: 0, skippedDirty: 0 },
    ...{ differences: [], duplicates: [], notCompared: [] },
    ...{ truncated: [], notSearched: [] },
  };
  const ask = async (
    part: Range,
    scope: { readonly tiers: readonly Tier[]; readonly duplicates: boolean },
  ) => {
    context.signal.throwIfAborted();
    const instants = toInstants(part);
    const answer = await server.post('/api/v1/analytics/verify', { ...instants, ...scope });
    verdict.checkedBuckets += asCount(answer['checkedBuckets'], 'checked buckets');
    verdict.skippedDirty += asCount(answer['skippedDirty'], 'skipped buckets');
    verdict.differences.push(...asList(answer['differences'], 'differences'));
    verdict.duplicates.push(...asList(answer['duplicates'], 'duplicates'));
    const refused = asList(answer['notCompared'], 'what was not compared');
    verdict.notCompared.push(...refused.map((one) => ({ ...instants, ...one })));
    if (answer['isTruncated'] === true) verdict.truncated.push({ ...instants, tiers: scope.tiers });
    if (scope.duplicates) verdict.notSearched.push(...unsearchedOf(instants, answer));
  };
  const days = splitRange(range, DAYS_PER_REQUEST);
  for (const day of days) {
    await ask(day, { tiers: ['1d'], duplicates: true });
    for (const hour of splitHours(day)) await ask(hour, { tiers: ['1m', '15m'], duplicates: false });
  }
  context.stdout.write(options.json ? `${JSON.stringify(verdict)}\n` : formatVerdict(verdict, days.length));
  for (const text of verdict.notSearched.map(describeUnsearched)) context.stderr.write(`${text}\n`);
  for (const text of verdict.truncated.map(describeTruncated)) context.stderr.write(`${text}\n`);
  const { differences, duplicates, notCompared, truncated } = verdict;
  const faults = [differences, duplicates, notCompared, truncated];
  return faults.every((rows) => rows.length === 0) ? EXIT_OK : EXIT_FAILED;
}

/** Nothing when every copy within the part has been found. */
function unsearchedOf(
  { from, to }: { readonly from: string; readonly to: string },
  answer: Readonly<Record<string, unknown>>,
): Rows {
  const { duplicatesSearchedThrough: searchedThrough, duplicatesParts: parts } = answer;
  return searchedThrough === to && parts === 1 ? [] : [{ from, to, searchedThrough, parts }];
}

function describeUnsearched({ from, to, searchedThrough, parts }: Readonly<Record<string, unknown>>): string {
  return `much arrived from ${toCell(from)} to ${toCell(to)}: copies were searched through ${toCell(searchedThrough)}, in ${toCell(parts)} parts, and none across them`;
}

function describeTruncated({ from, to, tiers }: Readonly<Record<string, unknown>>): string {
  return `more differs from ${toCell(from)} to ${toCell(to)} than is told of ${toCell(tiers)}: not all of its buckets were compared`;
}

function formatVerdict(verdict: Verdict, days: number): string {
  const { checkedBuckets, skippedDirty, differences, duplicates, notCompared } = verdict;
  const tables = [
    ...(differences.length === 0 ? [] : [formatRows(DIFFERENCE_COLUMNS, differences)]),
    ...(duplicates.length === 0 ? [] : [formatRows(['source', 'id', 'copies'], duplicates)]),
    ...(notCompared.length === 0 ? [] : [formatRows(['from', 'to', 'tier', 'detail'], notCompared)]),
  ];
  const figures = `${days} days, ${checkedBuckets} buckets checked, ${skippedDirty} not made yet, ${differences.length} differences, ${duplicates.length} duplicates, ${notCompared.length} not compared\n`;
  return [...tables, figures].join('\n');
}

function formatRows(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const shown = rows.slice(0, ROWS_SHOWN_MAX).map((row) => columns.map((column) => toCell(row[column])));
  return formatTable(columns, shown);
}

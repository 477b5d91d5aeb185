import { DAY_MS, HOUR_MS, type Tier, TIER_WIDTH_MS, TIERS } from '@tidemark/core';
import { VERIFY_HOURS_MAX } from '@tidemark/contracts';
import type { CliContext } from '../context.ts';
import { CliFault, EXIT_FOUND, EXIT_OK } from '../fault.ts';
import { asCount, asList, connect } from '../http/server.ts';
import { parseRange, splitHours, splitRange, toInstants, type Range } from '../range-argument.ts';
import { formatTable, toCell } from '../table.ts';

const DAYS_MAX = 400;
const DAYS_PER_REQUEST = (VERIFY_HOURS_MAX * HOUR_MS) / DAY_MS;
const FINER_TIERS = TIERS.filter((tier) => TIER_WIDTH_MS[tier] <= HOUR_MS);
const DIFFERENCE_COLUMNS = ['tier', 'bucket', 'metrics', 'dimensions', 'columns', 'raw', 'rollup'] as const;
/** Rows printed; the figures count all. */
const ROWS_SHOWN_MAX = 1_000;

export interface VerifyOptions {
  readonly from: string;
  readonly to: string;
  readonly json: boolean;
}

/** What the server tells of the parts, put together. As JSON it has the names of the API. */
interface Verdict {
  readonly from: string;
  readonly to: string;
  checkedBuckets: number;
  skippedDirty: number;
  readonly differences: Rows;
  readonly duplicates: Rows;
  /** Parts of the range and tiers that take too much to be compared at once. */
  readonly notCompared: Rows;
  /** Of any part: it has more differences than are told, so not all of its buckets were compared. */
  isTruncated: boolean;
  /** `to`; earlier when so much arrived in some part that what arrived behind it was not searched. */
  duplicatesSearchedThrough: string;
  /** Copies are looked for in so many parts one by one: those in two of them are not found. At least one for each day. */
  duplicatesParts: number;
  /** The parts of the range that are truncated, or were not searched as a whole, each with what the server says of it. */
  readonly incompleteParts: Rows;
}

type Rows = Readonly<Record<string, unknown>>[];

/**
 * Has the rollups held to raw a day at a time, which is when copies are looked for too; finer tiers of a day that hold too much for that
 * by the hour, so that each answer comes in time however much there is.
 * @returns not 0 when anything differs, is there twice, could not be compared, or nothing was
 */
export async function runVerifyCommand(context: CliContext, options: VerifyOptions): Promise<number> {
  const range = parseRange(context, options, DAYS_MAX);
  const server = connect(context);
  const verdict: Verdict = {
    ...{ ...toInstants(range), checkedBuckets: 0, skippedDirty: 0 },
    ...{ differences: [], isTruncated: false, notCompared: [], duplicates: [] },
    ...{ duplicatesSearchedThrough: toInstants(range).to, duplicatesParts: 0, incompleteParts: [] },
  };
  /** @returns those of the tiers that take too much to be compared over the part, but may be in smaller ones */
  const ask = async (
    part: Range,
    scope: { readonly tiers: readonly Tier[]; readonly duplicates: boolean },
    divisible: readonly Tier[] = [],
  ): Promise<readonly Tier[]> => {
    context.signal.throwIfAborted();
    const instants = toInstants(part);
    const answer = await server.post('/api/v1/analytics/verify', { ...instants, ...scope });
    verdict.checkedBuckets += asCount(answer['checkedBuckets'], 'checked buckets');
    verdict.skippedDirty += asCount(answer['skippedDirty'], 'skipped buckets');
    verdict.differences.push(...asList(answer['differences'], 'differences'));
    verdict.duplicates.push(...asList(answer['duplicates'], 'duplicates'));
    const refused = asList(answer['notCompared'], 'what was not compared');
    const divided = divisible.filter((tier) => refused.some((one) => one['tier'] === tier));
    const final = refused.filter((one) => !divided.some((tier) => tier === one['tier']));
    verdict.notCompared.push(...final.map((one) => ({ ...instants, ...one })));
    if (answer['isTruncated'] === true) {
      verdict.isTruncated = true;
      verdict.incompleteParts.push({ ...instants, tiers: scope.tiers, isTruncated: true });
    }
    if (scope.duplicates) addSearch(verdict, instants, answer);
    return divided;
  };
  const days = splitRange(range, DAYS_PER_REQUEST);
  for (const day of days) {
    const tiers = await ask(day, { tiers: TIERS, duplicates: true }, FINER_TIERS);
    if (tiers.length === 0) continue;
    for (const hour of splitHours(day)) await ask(hour, { tiers, duplicates: false });
  }
  context.stdout.write(options.json ? `${JSON.stringify(verdict)}\n` : formatVerdict(verdict, days.length));
  for (const part of verdict.incompleteParts) context.stderr.write(`${describeIncomplete(part)}\n`);
  if (verdict.checkedBuckets === 0) context.stderr.write(`${describeNothing(verdict)}\n`);
  const { checkedBuckets, differences, duplicates, isTruncated, notCompared } = verdict;
  const hasFault = [differences, duplicates, notCompared].some((rows) => rows.length > 0);
  return checkedBuckets > 0 && !hasFault && !isTruncated ? EXIT_OK : EXIT_FOUND;
}

/** Counts the search of a part, and notes the part unless every copy within it has been found. */
function addSearch(
  verdict: Verdict,
  part: { readonly from: string; readonly to: string },
  answer: Readonly<Record<string, unknown>>,
): void {
  const { duplicatesSearchedThrough } = answer;
  if (typeof duplicatesSearchedThrough !== 'string')
    throw new CliFault('the server does not tell how far copies were searched');
  const duplicatesParts = asCount(answer['duplicatesParts'], 'parts searched');
  verdict.duplicatesParts += duplicatesParts;
  const isSearched = duplicatesSearchedThrough === part.to;
  // Parts come in order: the first gap is how far everything was searched.
  if (!isSearched && !verdict.incompleteParts.some(hasSearchGap))
    verdict.duplicatesSearchedThrough = duplicatesSearchedThrough;
  if (isSearched && duplicatesParts === 1) return;
  verdict.incompleteParts.push({ ...part, duplicatesSearchedThrough, duplicatesParts });
}

function hasSearchGap({ to, duplicatesSearchedThrough }: Readonly<Record<string, unknown>>): boolean {
  return duplicatesSearchedThrough !== undefined && duplicatesSearchedThrough !== to;
}

/** Why no bucket was compared; what was not, as it takes too much, is told by itself. */
function describeNothing({ skippedDirty, notCompared }: Verdict): string {
  if (skippedDirty > 0)
    return `nothing was compared: ${skippedDirty} buckets are not made yet. They wait for their rollup and are answered from raw, so nothing is wrong with them: verify them later`;
  if (notCompared.length > 0) return 'nothing was compared';
  return 'nothing was compared: the range holds no events in buckets that are closed and rolled up (is it in the future?)';
}

function describeIncomplete(part: Readonly<Record<string, unknown>>): string {
  const { from, to, tiers, isTruncated, duplicatesSearchedThrough, duplicatesParts } = part;
  if (isTruncated !== true)
    return `much arrived from ${toCell(from)} to ${toCell(to)}: copies were searched through ${toCell(duplicatesSearchedThrough)}, in ${toCell(duplicatesParts)} parts, and none across them`;
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

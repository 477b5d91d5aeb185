import type { Answer, MetricValue, Point } from '@tidemark/core';
import { formatTable, printable } from '../table.ts';

const ABSENT = '-';
const OPEN_MARK = '*';

/** One row for each bucket and group, one column for each metric; below it, what the numbers are worth. */
export function formatAnswer(answer: Answer, groupBy: readonly string[]): string {
  const metrics = [...new Set(answer.series.map(({ metric }) => metric))];
  const rows = new Map<string, { readonly head: readonly string[]; readonly cells: Map<string, string> }>();
  for (const { metric, dimensions, points } of answer.series) {
    const groups = groupBy.map((dimension) => printable(dimensions[dimension] ?? ABSENT));
    for (const point of points) {
      const key = JSON.stringify([point.start, groups]);
      const row = rows.get(key) ?? { head: [point.start, point.end, ...groups], cells: new Map() };
      row.cells.set(metric, formatValue(point));
      rows.set(key, row);
    }
  }
  const header = ['start', 'end', ...groupBy, ...metrics];
  const sorted = [...rows.values()].toSorted((a, b) => compareText(a.head[0], b.head[0]));
  const body = sorted.map(({ head, cells }) => [
    ...head,
    ...metrics.map((metric) => cells.get(metric) ?? ABSENT),
  ]);
  const table = formatTable(header, body, (column) => column >= 2 + groupBy.length);
  return `${table}\n${describe(answer)}\n`;
}

function formatValue({ value, partial }: Point): string {
  return `${formatNumber(value)}${partial ? OPEN_MARK : ''}`;
}

function formatNumber(value: MetricValue): string {
  if (value === null) return ABSENT;
  return typeof value === 'number' ? String(value) : printable(value);
}

function describe(answer: Answer): string {
  const hasOpen = answer.series.some(({ points }) => points.some(({ partial }) => partial));
  const lines = [
    `zone ${answer.timeZone}, complete through ${answer.completeThrough ?? 'nothing yet'}, read from ${answer.tiersRead.join(', ') || 'nothing'}`,
    ...(hasOpen ? [`${OPEN_MARK} cut by the range or still open: more may come`] : []),
    ...answer.estimates.map(
      ({ metric, kind, relativeError, note }) =>
        `${metric} is an estimate (${kind === 'unique' ? 'standard error' : 'off by at most'} ${(relativeError * 100).toFixed(1)} %): ${note}`,
    ),
    ...(answer.groupsOmitted > 0 ? [`${answer.groupsOmitted} more groups are not shown`] : []),
  ];
  return lines.join('\n');
}

function compareText(a = '', b = ''): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

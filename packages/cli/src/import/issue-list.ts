import type { ProgressReport } from './progress.ts';

const SHOWN_MAX = 20;

/** Counts what went wrong with single records and shows the first of it, with the line to look at. */
export interface IssueList {
  readonly count: () => number;
  add(line: number, reason: string): void;
}

export function createIssueList(
  report: ProgressReport,
  file: string,
  kind: 'rejected' | 'unreadable',
): IssueList {
  let count = 0;
  return {
    count: () => count,
    add: (line, reason) => {
      count += 1;
      if (count <= SHOWN_MAX) report.note(`${file}:${line}: ${kind}: ${reason}`);
      if (count === SHOWN_MAX) report.note(`${file}: further ${kind} lines are only counted`);
    },
  };
}

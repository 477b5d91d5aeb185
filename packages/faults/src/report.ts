/** The figures of a run, as data and as a table for people. */
import type { CheckpointFigures } from './checkpoint.ts';
import type { LogCheck, LogTotals } from './check-log.ts';
import type { InvariantLine } from './findings.ts';
import type { LoadFigures } from './load.ts';
import type { QuestionFigures } from './questions.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import type { FaultFigures } from './schedule.ts';
import type { ProcessFigures } from './supervised.ts';
import type { Profile } from './system.ts';

export interface FaultReport {
  readonly profile: Profile;
  readonly seed: number;
  readonly startedAt: string;
  readonly seconds: number;
  readonly faults: readonly FaultFigures[];
  readonly invariants: readonly InvariantLine[];
  readonly violations: number;
  readonly processes: readonly ProcessFigures[];
  readonly load: LoadFigures;
  readonly questions: QuestionFigures;
  /** Different events. */
  readonly acknowledged: number;
  /** What the records of the log became. */
  readonly log: LogTotals & { readonly poison: number };
  readonly checkpoints: readonly CheckpointFigures[];
  /** Null when nothing was violated. */
  readonly evidencePath: string | null;
}

export function sumLogTotals(log: Pick<LogCheck, 'totals' | 'poison'>): FaultReport['log'] {
  const parts = [...ORGANIZATION_NAMES.keys()].map((organization) => log.totals(organization));
  const sum = (of: (part: LogTotals) => number): number => parts.reduce((total, part) => total + of(part), 0);
  return {
    rows: sum((part) => part.rows),
    copies: sum((part) => part.copies),
    conflicts: sum((part) => part.conflicts),
    dead: sum((part) => part.dead),
    poison: log.poison,
  };
}

export function renderReport(report: FaultReport): string {
  const { profile, seed, startedAt, seconds, load, questions, log, checkpoints } = report;
  const settled = checkpoints.flatMap(({ settledAfterMs }) => settledAfterMs ?? []);
  const rolledUp = checkpoints.at(-1)?.rolledUpAfterMs ?? null;
  const kills = report.processes.reduce((sum, one) => sum + one.killed, 0);
  const injected = report.faults.reduce((sum, one) => sum + one.injected, 0);
  const withLedger = checkpoints.filter(({ hasLedger }) => hasLedger).length;
  return [
    `${profile.toUpperCase()}, seed ${seed}, ${startedAt}, ${seconds} s`,
    '',
    table(
      ['fault', 'injected', 'without effect', 'not possible then'],
      report.faults.map(({ name, injected: times, withoutEffect, skipped }) => [
        name,
        times,
        withoutEffect,
        skipped,
      ]),
    ),
    '',
    table(
      ['invariant', 'checked', 'violations', ''],
      report.invariants.map((line) => [line.invariant, line.checked, line.violations, line.meaning]),
    ),
    '',
    table(
      ['process', 'killed', 'stopped', 'frozen', 'ended by itself', 'starts failed', 'MiB at most'],
      report.processes.map((one) => [
        one.name,
        one.killed,
        one.stopped,
        one.frozen,
        one.endedByItself,
        one.startsFailed,
        one.residentMibMax,
      ]),
    ),
    '',
    table(
      ['refused', 'times'],
      [
        ...Object.entries(load.refused).map(([kind, times]) => [`ingest ${kind}`, times]),
        ...Object.entries(questions.refused).map(([kind, times]) => [`gateway ${kind}`, times]),
      ],
    ),
    '',
    `faults ${injected}, kills ${kills}, checkpoints ${checkpoints.length} (with the ledger: ${withLedger}), at rest after at most ${Math.max(0, ...settled)} ms, rolled up ${rolledUp ?? 'NOT'} ms later`,
    `events acknowledged ${report.acknowledged}, sent ${load.eventsSent} (copies ${load.copiesSent}) in ${load.requests} requests, sent again ${load.attemptsAgain}`,
    `log: rows ${log.rows}, copies ${log.copies} (conflicts ${log.conflicts}), events that became dead letters ${log.dead}, poison ${log.poison}`,
    `waits answered in time ${load.waits.reached} (confirmed at once ${load.waits.confirmed}), not in time ${load.waits.notInTime}`,
    `connections broken: ingest ${load.connectionsBroken}, gateway ${questions.connectionsBroken}; questions answered ${questions.answers}`,
    report.violations === 0
      ? 'no violation'
      : `VIOLATIONS: ${report.violations}; evidence, journal and logs beside ${report.evidencePath}`,
  ].join('\n');
}

/** The first column to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return `${head[0]}: none`;
  const lines = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          const isText =
            column === 0 || column === widths.length - 1 ? typeof rows[0]?.[column] === 'string' : false;
          return isText ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

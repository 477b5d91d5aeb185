/** The account of a run, for people. */
import { renderEvidence } from './evidence.ts';
import type { HostileReport } from './run.ts';

export function renderHostileReport(report: HostileReport): string {
  const { answers, bystander, books, memoryMib, badLogLines, evidence } = report;
  const ms = (value: number): string => `${Math.round(value)} ms`;
  return [
    `${report.isPassed ? 'PASSED' : 'FAILED'}: ${answers.requests} requests to ${report.operations} operations in ${report.seconds} s, seed ${report.seed}`,
    '',
    ...evidence.map(renderEvidence),
    '',
    `answers by status: ${Object.entries(answers.byStatus)
      .map(([status, times]) => `${status} ${times}`)
      .join(', ')}`,
    ...Object.entries(answers.breaches).map(([breach, times]) => `${String(times).padStart(6)}  ${breach}`),
    `time: p50 ${ms(answers.p50Ms)}, p99 ${ms(answers.p99Ms)}, at most ${ms(answers.slowestMs)} (bound ${ms(report.answerMsMax)})`,
    ...answers.slowest.map((line) => `    ${line}`),
    `answers with texts of the caller's own organization: ${answers.ownTextSeen}`,
    `never answered with 2xx: ${answers.neverDone.join(', ') || 'none'}`,
    `bystander: ${bystander.asked} questions, ${bystander.wrong.length} wrong; p95 ${ms(bystander.p95Ms)} (quiet ${ms(bystander.quietP95Ms)}), p50 ${ms(bystander.p50Ms)}, at most ${ms(bystander.slowestMs)}`,
    ...bystander.wrong.slice(0, 5).map((line) => `    ${line}`),
    ...books.map(
      (one) =>
        `books of ${one.organization}: ${one.areBalanced ? 'balanced' : 'NOT balanced'}; accepted ${one.accepted} (and replayed ${one.replayed}), acknowledged ${one.acknowledged}, stored ${one.stored}, in flight ${one.inFlight}, residue ${one.residue}`,
    ),
    memoryMib === null
      ? 'memory: not known'
      : `memory: ${memoryMib.start} MiB at first, ${memoryMib.peak} at most, ${memoryMib.end} at last`,
    `lines of errors in the logs: ${badLogLines.length}`,
    ...badLogLines.map((line) => `    ${line.slice(0, 1_500)}`),
  ].join('\n');
}

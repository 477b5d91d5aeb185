/** The figures, as data and as a table for people. */
import type { Floor } from './floors.ts';
import type { MemoryUse } from './memory.ts';
import type { Profile } from './profile.ts';
import type { Spread } from './statistics.ts';
import type { StepTime } from './steps.ts';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly measured: Spread;
  readonly ceiling: { readonly name: string; readonly measured: Spread } | null;
}

export interface Latency {
  readonly p50: number;
  readonly p95: number;
}

export interface QuestionFigure {
  readonly name: string;
  /** How many rows of raw the question is about. */
  readonly rows: number;
  readonly clients: number;
  readonly aloneMs: Latency;
  /** With `clients` asking at once. */
  readonly crowdedMs: Latency;
  readonly crowdedPerSecond: number;
  readonly bareCountMs: Latency;
}

export interface ProfileReport {
  readonly profile: Profile;
  readonly loadAverageAtStart: number;
  readonly figures: readonly Figure[];
  readonly questions: readonly QuestionFigure[];
  /** Through the load of a million events. */
  readonly memory: readonly MemoryUse[];
  /** Of the aggregator, through the same load. */
  readonly steps: readonly StepTime[];
  readonly floors: readonly Floor[];
}

export interface Report {
  readonly startedAt: string;
  readonly machine: string;
  readonly profiles: readonly ProfileReport[];
}

export function renderReport({ startedAt, machine, profiles }: Report): string {
  return `${[`${startedAt} · ${machine}`, ...profiles.map(renderProfile)].join('\n\n')}\n`;
}

function renderProfile(report: ProfileReport): string {
  return [
    `${report.profile.toUpperCase()} (load average at the start: ${report.loadAverageAtStart.toFixed(1)})`,
    ...report.figures.map(renderFigure),
    '',
    'questions over HTTP, p50 / p95',
    ...report.questions.map(renderQuestion),
    '',
    'resident memory through the load of 1,000,000 events',
    ...report.memory.map(
      ({ process, startMib, peakMib, endMib }) =>
        `  ${process}: ${startMib} MiB at the start, ${peakMib} MiB at most, ${endMib} MiB at the end`,
    ),
    '',
    "the aggregator's steps through that load, in sum over its partitions",
    ...renderSteps(report.steps),
    '',
    ...report.floors.map(renderFloor),
  ].join('\n');
}

/** `hold` is a part of `insert`, so it is in no sum. */
function renderSteps(steps: readonly StepTime[]): readonly string[] {
  const total = steps.reduce((sum, { step, seconds }) => sum + (step === 'hold' ? 0 : seconds), 0);
  return steps.map(({ step, seconds }) => {
    const share = total === 0 ? 0 : (seconds * 100) / total;
    const within = step === 'hold' ? ', within insert' : '';
    return `  ${step}: ${renderNumber(seconds)} s (${renderNumber(share)} %${within})`;
  });
}

function renderFigure({ name, unit, measured, ceiling }: Figure): string {
  const lines = [`  ${name}`, `    ${renderSpread(measured)} ${unit}`];
  if (ceiling !== null) {
    const ratio = measured.median / ceiling.measured.median;
    lines.push(`    ${renderSpread(ceiling.measured)} ${unit}: ${ceiling.name}; ratio ${ratio.toFixed(2)}`);
  }
  return lines.join('\n');
}

function renderSpread({ median, min, max, samples }: Spread): string {
  const middle = renderNumber(median).padStart(10);
  return samples === 1
    ? middle
    : `${middle} (${renderNumber(min)} to ${renderNumber(max)}, ${samples} samples)`;
}

function renderQuestion(question: QuestionFigure): string {
  const { name, rows, clients, aloneMs, crowdedMs, crowdedPerSecond, bareCountMs } = question;
  const ratio = aloneMs.p50 / bareCountMs.p50;
  return [
    `  ${name}, about ${renderNumber(rows)} rows`,
    `    ${renderLatency(aloneMs)} alone; ${renderLatency(crowdedMs)} with ${clients} clients (${renderNumber(crowdedPerSecond)} answers/s)`,
    `    ${renderLatency(bareCountMs)}: bare SELECT count() over the same rows; ratio ${ratio.toFixed(2)}`,
  ].join('\n');
}

function renderLatency({ p50, p95 }: Latency): string {
  return `${p50.toFixed(1)} / ${p95.toFixed(1)} ms`;
}

function renderFloor({ name, unit, measured, bound, kind, passed }: Floor): string {
  const relation = kind === 'at-least' ? 'at least' : 'below';
  return `  ${passed ? 'pass' : 'FAIL'}  ${name}: ${renderNumber(measured)} ${unit}, floor ${relation} ${renderNumber(bound)}`;
}

function renderNumber(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

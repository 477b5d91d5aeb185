import path from 'node:path';
import { MultiBar } from 'cli-progress';
import type { CliContext } from '../context.ts';

const LINE_INTERVAL_MS = 5_000;
const UNKNOWN = '--:--';

/** How far one file has come. */
export interface ProgressPoint {
  /** Of the file as it lies on disk, compressed or not. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Settled by this run. */
  readonly events: number;
}

/** What the user sees while an import runs; nothing of it goes to stdout. */
export interface ProgressReport {
  begin(file: string): void;
  update(point: ProgressPoint): void;
  /** A line that stays. */
  note(text: string): void;
  end(): void;
}

/** A bar on a terminal, a line every few seconds elsewhere. */
export function createProgressReport(context: CliContext): ProgressReport {
  return context.stderr.isTTY === true ? createBarReport(context) : createLineReport(context);
}

interface Pace {
  begin(): void;
  /** Events per second and the time left, as text. */
  measure(point: ProgressPoint): { readonly rate: string; readonly remaining: string };
}

function createPace(context: CliContext): Pace {
  let startedAtMs = 0;
  return {
    begin: () => {
      startedAtMs = context.clock.nowMs();
    },
    measure: ({ bytes, totalBytes, events }) => {
      const elapsedSeconds = (context.clock.nowMs() - startedAtMs) / 1_000;
      if (elapsedSeconds <= 0 || bytes <= 0) return { rate: '0', remaining: UNKNOWN };
      const remainingSeconds = Math.ceil(((totalBytes - bytes) / bytes) * elapsedSeconds);
      return {
        rate: Math.round(events / elapsedSeconds).toLocaleString('en-US'),
        remaining: formatDuration(remainingSeconds),
      };
    },
  };
}

function formatDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, '0');
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

function createBarReport(context: CliContext): ProgressReport {
  const pace = createPace(context);
  const bars = new MultiBar({
    stream: context.stderr,
    format: '{name} {bar} {percentage} % | {events} events | {rate}/s | {remaining} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: false,
    stopOnComplete: false,
    gracefulExit: false,
  });
  let bar: ReturnType<MultiBar['create']> | null = null;
  return {
    begin: (file) => {
      pace.begin();
      bar = bars.create(1, 0, { name: path.basename(file), events: '0', rate: '0', remaining: UNKNOWN });
    },
    update: (point) => {
      bar?.setTotal(Math.max(1, point.totalBytes));
      bar?.update(point.bytes, { ...pace.measure(point), events: point.events.toLocaleString('en-US') });
    },
    note: (text) => bars.log(`${text}\n`),
    end: () => bars.stop(),
  };
}

function createLineReport(context: CliContext): ProgressReport {
  const pace = createPace(context);
  let name = '';
  let writtenAtMs = 0;
  return {
    begin: (file) => {
      pace.begin();
      name = path.basename(file);
      writtenAtMs = context.clock.nowMs();
    },
    update: (point) => {
      const nowMs = context.clock.nowMs();
      if (nowMs - writtenAtMs < LINE_INTERVAL_MS) return;
      writtenAtMs = nowMs;
      const percent = Math.floor((point.bytes / Math.max(1, point.totalBytes)) * 100);
      const { rate, remaining } = pace.measure(point);
      const events = point.events.toLocaleString('en-US');
      context.stderr.write(`${name}: ${percent} % | ${events} events | ${rate}/s | ${remaining} left\n`);
    },
    note: (text) => {
      context.stderr.write(`${text}\n`);
    },
    end: () => {},
  };
}

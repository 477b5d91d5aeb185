import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  TELEMETRY,
  type NameOfKind,
  type TelemetryDeclaration,
  type TelemetryName,
} from './telemetry-names.ts';

export type TelemetryLabels = Readonly<Record<string, string>>;

/** The process's own figures, by the names of `TELEMETRY`. */
export interface Telemetry {
  increment(name: NameOfKind<'counter'>, by?: number, labels?: TelemetryLabels): void;
  set(name: NameOfKind<'gauge'>, value: number, labels?: TelemetryLabels): void;
  observe(name: NameOfKind<'histogram'>, value: number, labels?: TelemetryLabels): void;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** @param withProcessFigures adds Node's own (memory, event loop, garbage collection); once a process is enough */
export function createTelemetry(options: { readonly withProcessFigures: boolean }): Telemetry {
  const registry = new Registry();
  if (options.withProcessFigures) collectDefaultMetrics({ register: registry });
  const counters = new Map<TelemetryName, Counter>();
  const gauges = new Map<TelemetryName, Gauge>();
  const histograms = new Map<TelemetryName, Histogram>();
  for (const [name, declaration] of Object.entries(TELEMETRY) as [TelemetryName, TelemetryDeclaration][]) {
    const { kind, meaning, labels = [], buckets } = declaration;
    const common = { name, help: meaning, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') counters.set(name, new Counter(common));
    else if (kind === 'gauge') gauges.set(name, new Gauge(common));
    else
      histograms.set(
        name,
        new Histogram({ ...common, ...(buckets === undefined ? {} : { buckets: [...buckets] }) }),
      );
  }
  return {
    increment: (name, by = 1, labels = {}) => counters.get(name)?.inc(labels, by),
    set: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, value, labels = {}) => histograms.get(name)?.observe(labels, value),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

import { DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';
import { createRandom } from './random.ts';

const WEEK_MS = 7 * DAY_MS;

/** What goes wrong, and for how long. Each kind happens once a week, at a time that differs from week to week. */
const KINDS = {
  'error-spike': { title: 'requests of /api/checkout fail', minMs: 45 * MINUTE_MS, maxMs: 90 * MINUTE_MS },
  'traffic-drop': {
    title: 'nine of ten requests do not arrive',
    minMs: 40 * MINUTE_MS,
    maxMs: 80 * MINUTE_MS,
  },
  'latency-shift': {
    title: 'models of provider globex answer slowly',
    minMs: 3 * HOUR_MS,
    maxMs: 6 * HOUR_MS,
  },
  'cost-jump': { title: 'service search sends far longer prompts', minMs: 6 * HOUR_MS, maxMs: 12 * HOUR_MS },
} as const;

export type IncidentKind = keyof typeof KINDS;

export interface Incident {
  readonly kind: IncidentKind;
  readonly title: string;
  readonly startMs: number;
  /** Not included. */
  readonly endMs: number;
}

/** The incidents that touch [fromMs, toMs), by start. */
export function incidentsBetween(seed: string, fromMs: number, toMs: number): readonly Incident[] {
  const incidents: Incident[] = [];
  for (let week = Math.floor(fromMs / WEEK_MS); week * WEEK_MS < toMs; week += 1) {
    for (const kind of Object.keys(KINDS) as IncidentKind[]) incidents.push(incidentOf(seed, week, kind));
  }
  return incidents
    .filter(({ startMs, endMs }) => startMs < toMs && endMs > fromMs)
    .toSorted((a, b) => a.startMs - b.startMs);
}

/** Lies within its week and within working hours, where it shows. */
function incidentOf(seed: string, week: number, kind: IncidentKind): Incident {
  const { title, minMs, maxMs } = KINDS[kind];
  const random = createRandom(seed, 'incident', week, kind);
  const day = Math.floor(random() * 7);
  const hour = 8 + random() * 3;
  const startMs = Math.floor((week * WEEK_MS + day * DAY_MS + hour * HOUR_MS) / MINUTE_MS) * MINUTE_MS;
  const lengthMs = Math.round((minMs + random() * (maxMs - minMs)) / MINUTE_MS) * MINUTE_MS;
  return { kind, title, startMs, endMs: startMs + lengthMs };
}

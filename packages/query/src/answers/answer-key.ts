/** Under which name an answer is kept: whatever the answer depends on is in it. */
import { createHash } from 'node:crypto';
import {
  assertThat,
  type CatalogueMetric,
  operandsOf,
  type OrganizationId,
  shiftBack,
  stateMetricsOf,
} from '@tidemark/core';
import type { ResolvedQuery } from '../validate.ts';

/** Raised when answers look different, or numbers are computed otherwise: releases share a cache while one follows the other. */
const FORMAT = 1;
const PREFIX = 'answers:';
/** Beyond every instant a question may name. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The question without its time, as text. The whole declarations of its metrics are in it, so that a catalogue that changes needs no
 * revision; and what a principal may see is, as far as resolving the question has narrowed it. What may be asked at all was decided
 * before.
 */
export function questionText({ fromMs: _from, toMs: _to, nowMs: _now, ...question }: ResolvedQuery): string {
  const metrics = new Set<unknown>(question.metrics);
  return toText(question, (value) => (metrics.has(value) ? definitionOf(value as CatalogueMetric) : value));
}

/** Those of the catalogue are asked for again and again. */
const definitions = new WeakMap<CatalogueMetric, string>();

function definitionOf(metric: CatalogueMetric): string {
  const known = definitions.get(metric) ?? sha256(toText(metric, (value) => value));
  definitions.set(metric, known);
  return known;
}

function toText(object: object, replace: (value: unknown) => unknown): string {
  return JSON.stringify(object, (name, value: unknown) => {
    const isPlain = !(value instanceof Map || value instanceof Set || typeof value === 'function');
    assertThat(isPlain, `${name} of a resolved question can be told in JSON`);
    return replace(value);
  });
}

/**
 * The ranges whose rows decide the answer. Of states of subjects that is any row: an attribute may have been told at any time.
 */
export function rangesRead(resolved: ResolvedQuery): readonly Range[] {
  const { metrics, fromMs, toMs, shift, timeZone } = resolved;
  if (metrics.some((metric) => stateMetricsOf(metric).length > 0)) return [{ fromMs: 0, toMs: FOREVER_MS }];
  if (shift === null) return [{ fromMs, toMs }];
  const back = (ms: number) => shiftBack(ms, shift, timeZone);
  return [
    { fromMs, toMs },
    { fromMs: back(fromMs), toMs: back(toMs) },
  ];
}

export interface KeyMaterial {
  readonly organization: OrganizationId;
  readonly resolved: ResolvedQuery;
  readonly text: string;
  readonly versions: readonly string[];
  readonly completeMs: number | null;
}

/**
 * Flags and comparisons of a range that is not closed depend on `completeThrough`, a whole minute: it is in the key as it is. Of a
 * closed range only that it is closed: the answer then says an older `completeThrough`, which stays true. The instant of asking counts
 * where the range goes beyond it.
 */
export function answerKey({ organization, resolved, text, versions, completeMs }: KeyMaterial): string {
  const { fromMs, toMs, nowMs } = resolved;
  const completeness = isClosed(resolved, completeMs) ? 'closed' : completeMs;
  const time = [fromMs, toMs, toMs > nowMs ? nowMs : null];
  const digest = sha256(JSON.stringify([FORMAT, text, time, completeness, versions]));
  const metrics = resolved.metrics.flatMap((metric) => [metric, ...operandsOf(metric)]).map(({ key }) => key);
  return `${PREFIX}${JSON.stringify([organization, [...new Set(metrics)], digest])}`;
}

export function isClosed({ toMs }: Pick<ResolvedQuery, 'toMs'>, completeMs: number | null): boolean {
  return completeMs !== null && toMs <= completeMs;
}

/** With what every key of the organization begins. */
export function keyPrefix(organization: OrganizationId): string {
  return `${PREFIX}${JSON.stringify([organization]).slice(0, -1)},`;
}

/** Of a key that `answerKey` has made: the metrics it holds, and those they are computed from. */
export function metricsOfKey(key: string): readonly string[] {
  const [, metrics] = JSON.parse(key.slice(PREFIX.length)) as [string, string[], string];
  return metrics;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

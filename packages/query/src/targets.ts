/** Targets that a question brings, in place of the declared ones. */
import {
  type CatalogueMetric,
  type CatalogueStateMetric,
  stateMetricsOf,
  type Targets,
} from '@tidemark/core';
import { quote, type Report } from './faults.ts';
import { TARGET_CHARACTERS_MAX } from './limits.ts';

/** Those of the metrics, and of their operands, that are held to targets. */
export function heldMetricsOf(metrics: readonly CatalogueMetric[]): readonly CatalogueStateMetric[] {
  return metrics
    .flatMap(stateMetricsOf)
    .filter(({ declaration: { aggregation } }) => aggregation === 'within' || aggregation === 'targeted');
}

/** The subjects of all metrics that are held to targets must have the attribute. */
export function checkTargets(
  { attribute, values }: Targets,
  metrics: readonly CatalogueMetric[],
  report: Report,
): void {
  const at = '/targets/attribute';
  const subjects = new Map(heldMetricsOf(metrics).map(({ subject }) => [subject.kind, subject]));
  for (const { kind, attributes } of subjects.values()) {
    const known = attributes.map(({ declaration }) => declaration.key);
    if (known.includes(attribute)) continue;
    report(at, `${quote(attribute)} is no attribute of ${kind} (it has: ${known.join(', ')})`);
  }
  const characters = Object.keys(values).reduce((sum, name) => sum + name.length, 0);
  if (characters > TARGET_CHARACTERS_MAX) {
    report('/targets/values', `hold ${characters} characters: expected at most ${TARGET_CHARACTERS_MAX}`);
  }
}

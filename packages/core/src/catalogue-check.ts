/** The rules of declarations, each reported where it is broken; nothing here stops at the first fault. */
import {
  checkCondition,
  checkEventType,
  checkField,
  checkLevel,
  checkMemberKey,
  DIMENSION_KEY,
  quote,
  type Report,
  reportDuplicates,
} from './catalogue-faults.ts';
import { checkStateMetric, checkSubjects } from './catalogue-subjects.ts';
import { checkViews } from './catalogue-views.ts';
import type { Fault } from './errors.ts';
import { metricsOf, parseExpression, type Expression } from './expression.ts';
import type { BaseMetric } from './metric.ts';
import type { Pack } from './pack.ts';

const PACK_KEY = /^[a-z][a-z0-9_]{0,31}$/;
/** Derived metrics of derived metrics can double at every step. */
const EXPANDED_TERMS_MAX = 1_000;

export interface CheckedPacks {
  readonly faults: readonly Fault[];
  /** Of the derived metrics, by key, as declared. */
  readonly expressions: ReadonlyMap<string, Expression>;
}

export function checkPacks(packs: readonly Pack[]): CheckedPacks {
  const faults: Fault[] = [];
  const report: Report = (pointer, detail) => faults.push({ code: 'invalid-config', pointer, detail });
  reportDuplicates(
    packs.map((pack, index) => [pack.key, `/${index}/key`]),
    'pack',
    report,
  );
  reportDuplicates(
    packs.flatMap((pack, p) =>
      pack.metrics.map((metric, m) => [metric.key, `/${p}/metrics/${m}/key`] as const),
    ),
    'metric',
    report,
  );
  reportDuplicates(
    packs.flatMap((pack, p) =>
      pack.eventTypes.map(({ type }, t) => [type, `/${p}/eventTypes/${t}/type`] as const),
    ),
    'event type',
    report,
  );
  reportDuplicates(
    packs.flatMap((pack, p) =>
      pack.subjects.map(({ kind }, index) => [kind, `/${p}/subjects/${index}/kind`] as const),
    ),
    'subject',
    report,
  );
  packs.forEach((pack, index) => checkPack(pack, `/${index}`, report));
  checkViews(packs, report);
  const expressions = checkDerivedMetrics(packs, report);
  return { faults, expressions };
}

/** What one pack says, but for what its expressions and views name: that may be of other packs. */
export function checkPack(pack: Pack, at: string, report: Report): void {
  if (!PACK_KEY.test(pack.key)) report(`${at}/key`, `${quote(pack.key)} is no pack key (a-z 0-9 _)`);
  const eventTypes = new Set(pack.eventTypes.map(({ type }) => type));
  pack.eventTypes.forEach(({ fields }, t) =>
    fields.forEach(({ field }, f) => checkField(field, `${at}/eventTypes/${t}/fields/${f}/field`, report)),
  );
  checkDimensions(pack, at, report);
  pack.metrics.forEach((metric, m) => {
    const place = `${at}/metrics/${m}`;
    checkMemberKey({ key: metric.key, packKey: pack.key, noun: 'metric key' }, `${place}/key`, report);
    if (metric.role === 'producer') report(`${place}/role`, 'producers never ask: expected viewer or admin');
    if (metric.kind === 'base') checkBaseMetric(metric, pack, eventTypes, place, report);
    if (metric.kind === 'state') checkStateMetric(metric, pack, place, report);
  });
  checkSubjects(pack, eventTypes, at, report);
  checkDoors(pack, eventTypes, at, report);
}

function checkDimensions(pack: Pack, at: string, report: Report): void {
  reportDuplicates(
    pack.dimensions.map(({ key }, d) => [key, `${at}/dimensions/${d}/key`] as const),
    'dimension',
    report,
  );
  pack.dimensions.forEach(({ key, field }, d) => {
    if (!DIMENSION_KEY.test(key)) report(`${at}/dimensions/${d}/key`, `${quote(key)} is no dimension key`);
    checkField(field, `${at}/dimensions/${d}/field`, report);
  });
}

function checkBaseMetric(
  metric: BaseMetric,
  pack: Pack,
  eventTypes: ReadonlySet<string>,
  at: string,
  report: Report,
): void {
  if (metric.eventTypes.length === 0) report(`${at}/eventTypes`, 'no event type feeds the metric');
  metric.eventTypes.forEach((type, t) => checkEventType(type, eventTypes, `${at}/eventTypes/${t}`, report));
  metric.filters?.forEach((filter, f) => checkCondition(filter, `${at}/filters/${f}`, report));
  if (metric.value !== undefined) checkField(metric.value, `${at}/value`, report);
  else if (metric.aggregation !== 'count') {
    report(`${at}/value`, `${metric.aggregation} needs a value: the field that it reads`);
  }
  checkLevel(metric, at, report);
  const known = new Set(pack.dimensions.map(({ key }) => key));
  reportDuplicates(
    metric.dimensions.map((key, d) => [key, `${at}/dimensions/${d}`] as const),
    'dimension',
    report,
  );
  metric.dimensions.forEach((key, d) => {
    if (!known.has(key)) report(`${at}/dimensions/${d}`, `${quote(key)} is not declared by pack ${pack.key}`);
  });
}

function checkDoors(pack: Pack, eventTypes: ReadonlySet<string>, at: string, report: Report): void {
  pack.importMappings.forEach((mapping, m) => {
    const place = `${at}/importMappings/${m}`;
    checkEventType(mapping.eventType, eventTypes, `${place}/eventType`, report);
    for (const [cell, type] of Object.entries(mapping.eventTypeBy?.values ?? {})) {
      checkEventType(type, eventTypes, `${place}/eventTypeBy/values/${cell}`, report);
    }
    mapping.fields.forEach(({ field }, f) => checkField(field, `${place}/fields/${f}/field`, report));
    mapping.settable.forEach(({ field }, s) => checkField(field, `${place}/settable/${s}/field`, report));
  });
  pack.recorders.forEach((recorder, r) => {
    const place = `${at}/recorders/${r}`;
    checkEventType(recorder.eventType, eventTypes, `${place}/eventType`, report);
    recorder.fields.forEach(({ field }, f) => checkField(field, `${place}/fields/${f}/field`, report));
  });
}

/** Pointers as of `checkPacks`. Returns the expressions that can be read, by key of the metric. */
export function checkDerivedMetrics(packs: readonly Pack[], report: Report): Map<string, Expression> {
  const places = new Map<string, string>();
  const expressions = new Map<string, Expression>();
  const known = new Set(packs.flatMap((pack) => pack.metrics.map(({ key }) => key)));
  packs.forEach((pack, p) =>
    pack.metrics.forEach((metric, m) => {
      if (metric.kind !== 'derived') return;
      const at = `/${p}/metrics/${m}/expression`;
      const parsed = parseExpression(metric.expression);
      if (!parsed.ok) {
        report(at, `at character ${parsed.position}: ${parsed.detail}`);
        return;
      }
      places.set(metric.key, at);
      expressions.set(metric.key, parsed.expression);
      const operands = metricsOf(parsed.expression);
      if (operands.length === 0) report(at, 'names no metric');
      for (const key of operands) {
        if (!known.has(key)) report(at, `names ${quote(key)}, which no pack declares`);
      }
    }),
  );
  const sizes = new Map<string, number>();
  for (const [key, at] of places) {
    const cycle = cycleThrough(key, expressions);
    if (cycle !== null) {
      report(at, `depends on itself: ${cycle.join(' -> ')}`);
      sizes.set(key, 1);
    }
  }
  for (const [key, at] of places) {
    const size = expandedSize(key, expressions, sizes);
    if (size > EXPANDED_TERMS_MAX)
      report(at, `has ${size} terms, more than ${EXPANDED_TERMS_MAX}, when expanded`);
  }
  return expressions;
}

/** Numbers and base metrics of the expression, once its derived operands are replaced by what they stand for. */
function expandedSize(
  key: string,
  expressions: ReadonlyMap<string, Expression>,
  sizes: Map<string, number>,
): number {
  const expression = expressions.get(key);
  if (expression === undefined) return 1;
  const known = sizes.get(key);
  if (known !== undefined) return known;
  const count = (node: Expression): number => {
    switch (node.kind) {
      case 'number':
      case 'seconds':
        return 1;
      case 'metric':
        return expandedSize(node.key, expressions, sizes);
      case 'negate':
        return count(node.operand);
      case 'binary':
        return count(node.left) + count(node.right);
    }
  };
  const size = count(expression);
  sizes.set(key, size);
  return size;
}

/** The path from the metric back to itself, null when there is none. */
function cycleThrough(start: string, expressions: ReadonlyMap<string, Expression>): string[] | null {
  const visited = new Set<string>();
  const walk = (key: string, path: readonly string[]): string[] | null => {
    const expression = expressions.get(key);
    if (expression === undefined) return null;
    for (const operand of metricsOf(expression)) {
      if (operand === start) return [...path, operand];
      if (visited.has(operand)) continue;
      visited.add(operand);
      const found = walk(operand, [...path, operand]);
      if (found !== null) return found;
    }
    return null;
  };
  return walk(start, [start]);
}

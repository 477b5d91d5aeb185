/** Metrics that an organization declares for itself, beside those of the packs it has enabled. */
import { checkDerivedMetrics, checkPack } from './catalogue-check.ts';
import { resolveBaseMetrics, resolveDerivedMetrics } from './catalogue-resolve.ts';
import type { CatalogueMetric, CatalogueOperand } from './catalogue-metric.ts';
import { type Catalogue, catalogueOf } from './catalogue.ts';
import type { Fault } from './errors.ts';
import type { Measure } from './measure.ts';
import type { BaseMetric, DerivedMetric, DimensionDeclaration, MetricDeclaration } from './metric.ts';
import type { Pack } from './pack.ts';

/** The first part of the key of every one of them; no pack is called so. */
export const OWN_METRIC_PACK = 'own';

/** Any event types, also such that no pack declares; dimensions of its own. */
export interface OwnBaseMetric extends Omit<BaseMetric, 'dimensions'> {
  readonly dimensions: readonly DimensionDeclaration[];
}

export type OwnMetricDeclaration = OwnBaseMetric | DerivedMetric;

export interface ExtendedCatalogue {
  readonly catalogue: Catalogue;
  /** What is wrong with those that were left out, by key; pointers are JSON pointers into the declaration. */
  readonly faults: ReadonlyMap<string, readonly Fault[]>;
}

/**
 * Those of the packs that are enabled, and the organization's own metrics. One that is at fault (it may name what a disabled pack
 * declares) is left out and does not disturb the others. No own metric changes what another metric, its own or a pack's, is kept in.
 *
 * @param enabledPacks null: all
 * @param own every key once
 */
export function extendCatalogue(
  all: Catalogue,
  enabledPacks: readonly string[] | null,
  own: readonly OwnMetricDeclaration[],
): ExtendedCatalogue {
  const packs = all.packs.filter(({ key }) => enabledPacks === null || enabledPacks.includes(key));
  const enabled = packs.length === all.packs.length ? all : restrictedTo(packs, all);
  if (own.length === 0) return { catalogue: enabled, faults: new Map() };

  const faults = new Map<string, Fault[]>();
  const note = (key: string, pointer: string, detail: string) => {
    faults.set(key, [...(faults.get(key) ?? []), { code: 'invalid-request', pointer, detail }]);
  };
  for (const declaration of own) {
    checkPack(toPack(declaration), '', (pointer, detail) =>
      note(declaration.key, pointer.replace(/^\/metrics\/0/, ''), detail),
    );
  }
  const kept = withoutUnknownOperands(
    packs,
    own.filter(({ key }) => !faults.has(key)),
    note,
  );
  return { catalogue: added(enabled, kept), faults };
}

/** What rollups of it are made of; null when the declaration is at fault. */
export function compileOwnMeasure(declaration: OwnBaseMetric): Measure | null {
  let isGood = true;
  checkPack(toPack(declaration), '', () => {
    isGood = false;
  });
  if (!isGood) return null;
  return resolveBaseMetrics([toPack(declaration)]).get(declaration.key)?.measure ?? null;
}

/** A derived metric may name one that is left out, which leaves it out as well: until none is left that does. */
function withoutUnknownOperands(
  packs: readonly Pack[],
  own: readonly OwnMetricDeclaration[],
  note: (key: string, pointer: string, detail: string) => void,
): readonly OwnMetricDeclaration[] {
  const bad = new Set<string>();
  checkDerivedMetrics([...packs, ...own.map(toPack)], (pointer, detail) => {
    const [, index, place = ''] = /^\/(\d+)\/metrics\/0(.*)$/.exec(pointer) ?? [];
    const declaration = own[Number(index) - packs.length];
    if (declaration === undefined) return;
    bad.add(declaration.key);
    note(declaration.key, place, detail);
  });
  if (bad.size === 0) return own;
  return withoutUnknownOperands(
    packs,
    own.filter(({ key }) => !bad.has(key)),
    note,
  );
}

function restrictedTo(packs: readonly Pack[], all: Catalogue): Catalogue {
  const keys = new Set(packs.map(({ key }) => key));
  const isEnabled = (key: string) => keys.has(key.slice(0, key.indexOf('.')));
  // An expression over metrics of a disabled pack cannot be asked either.
  const metrics = all.metrics.filter(
    (metric) =>
      isEnabled(metric.key) &&
      (metric.kind !== 'derived' || metric.operands.every((operand) => isEnabled(operand.key))),
  );
  return catalogueOf(
    packs,
    metrics,
    all.subjects.filter(({ kind }) => isEnabled(kind)),
  );
}

function added(enabled: Catalogue, own: readonly OwnMetricDeclaration[]): Catalogue {
  const ownPacks = own.map(toPack);
  const base = ownPacks.flatMap((pack) => [...resolveBaseMetrics([pack]).values()]);
  const operands = new Map<string, CatalogueOperand>();
  for (const metric of [...enabled.metrics, ...base]) {
    if (metric.kind !== 'derived') operands.set(metric.key, metric);
  }
  const everyPack = [...enabled.packs, ...ownPacks];
  const expressions = checkDerivedMetrics(everyPack, () => undefined);
  const derived = [...resolveDerivedMetrics(everyPack, operands, expressions).values()];
  const isOwn = ({ key }: CatalogueMetric) => key.startsWith(`${OWN_METRIC_PACK}.`);
  return catalogueOf(
    enabled.packs,
    [...enabled.metrics, ...base, ...derived.filter(isOwn)],
    enabled.subjects,
  );
}

/** A pack of one metric, for the rules and the compiler of packs. */
function toPack(declaration: OwnMetricDeclaration): Pack {
  const isBase = declaration.kind === 'base';
  const metric: MetricDeclaration = isBase
    ? { ...declaration, dimensions: declaration.dimensions.map(({ key }) => key) }
    : declaration;
  return {
    key: OWN_METRIC_PACK,
    title: 'Own metrics',
    description: 'Metrics that the organization has declared for itself.',
    eventTypes: isBase
      ? [...new Set(declaration.eventTypes)].map((type) => ({
          type,
          title: type,
          description: '',
          fields: [],
        }))
      : [],
    dimensions: isBase ? declaration.dimensions : [],
    metrics: [metric],
    subjects: [],
    importMappings: [],
    recorders: [],
    views: [],
    dashboard: [],
  };
}

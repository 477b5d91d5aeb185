/** The rules of views and dashboards, each reported where it is broken. */
import { checkMemberKey, quote, type Report, reportDuplicates } from './catalogue-faults.ts';
import type { Pack } from './pack.ts';
import { parametersOf } from './view-template.ts';
import type { ViewDeclaration, ViewSection } from './view.ts';

/** Segments of lower case, digits, `-` and `_`, or one parameter each. */
const VIEW_PATH = /^(?:[a-z0-9_-]+|\{[a-z][A-Za-z0-9_]*\})(?:\/(?:[a-z0-9_-]+|\{[a-z][A-Za-z0-9_]*\}))*$/;
const PARAMETER_NAME = /^[a-z][A-Za-z0-9_]{0,63}$/;
const SECTION_KEY = /^[a-z][a-z0-9_]{0,63}$/;
/** What a dashboard's reader chooses. */
const READER_PARAMETERS: ReadonlySet<string> = new Set(['from', 'to', 'timeZone', 'granularity', 'filters']);

/** What the sections of all packs may name. */
interface Known {
  readonly metrics: ReadonlySet<string>;
  readonly subjects: ReadonlySet<string>;
}

export function checkViews(packs: readonly Pack[], report: Report): void {
  const known: Known = {
    metrics: new Set(packs.flatMap(({ metrics }) => metrics.map(({ key }) => key))),
    subjects: new Set(packs.flatMap(({ subjects }) => subjects.map(({ kind }) => kind))),
  };
  packs.forEach((pack, p) => {
    pack.views.forEach((view, v) => checkView(view, pack, known, `/${p}/views/${v}`, report));
    checkSections(pack.dashboard, known, READER_PARAMETERS, `/${p}/dashboard`, report);
  });
  const routes = packs.flatMap((pack, p) =>
    pack.views.flatMap(({ path, methods }, v) =>
      methods.map((method) => {
        const route = `${method} ${path.replaceAll(/\{[^}]+\}/g, '{}')}`;
        return [route, `/${p}/views/${v}/path`] as const;
      }),
    ),
  );
  reportDuplicates(routes, 'endpoint', report);
}

function checkView(view: ViewDeclaration, pack: Pack, known: Known, at: string, report: Report): void {
  checkMemberKey({ key: view.key, packKey: pack.key, noun: 'view key' }, `${at}/key`, report);
  if (!VIEW_PATH.test(view.path)) report(`${at}/path`, `${quote(view.path)} is no path of a view`);
  if (view.role === 'producer') report(`${at}/role`, 'producers never ask: expected viewer or admin');
  if (view.methods.length === 0) report(`${at}/methods`, 'answers to no method');
  const names = view.parameters.map(({ name }, index) => [name, `${at}/parameters/${index}/name`] as const);
  reportDuplicates(names, 'parameter', report);
  for (const [name, place] of names) {
    if (!PARAMETER_NAME.test(name)) report(place, `${quote(name)} is no parameter name`);
  }
  checkParameters(view, at, report);
  const declared = new Set(view.parameters.map(({ name }) => name));
  for (const name of parametersOf(view.path)) {
    if (!declared.has(name)) report(`${at}/path`, `the parameter ${quote(name)} is not declared`);
  }
  if (view.ownedBy !== undefined && !declared.has(view.ownedBy)) {
    report(`${at}/ownedBy`, `the parameter ${quote(view.ownedBy)} is not declared`);
  }
  checkSections(view.sections, known, declared, `${at}/sections`, report);
}

function checkParameters({ parameters, path }: ViewDeclaration, at: string, report: Report): void {
  const inPath = new Set(parametersOf(path));
  parameters.forEach(({ name, type, enum: values, minimum, maximum, default: value }, index) => {
    const place = `${at}/parameters/${index}`;
    const isNumber = type === 'integer' || type === 'number';
    if (inPath.has(name) && type !== 'string' && !isNumber) {
      report(`${place}/type`, `a parameter of the path is a string or a number, not ${type}`);
    }
    if (value === undefined) return;
    if (isNumber !== (typeof value === 'number')) {
      report(`${place}/default`, `${quote(String(value))} is no ${type}`);
    } else if (values !== undefined && !values.includes(String(value))) {
      report(`${place}/default`, `${quote(String(value))} is none of ${values.join(', ')}`);
    } else if (typeof value === 'number' && (value < (minimum ?? value) || value > (maximum ?? value))) {
      report(`${place}/default`, `${value} is out of its own bounds`);
    }
  });
}

function checkSections(
  sections: readonly ViewSection[],
  known: Known,
  declared: ReadonlySet<string>,
  at: string,
  report: Report,
): void {
  reportDuplicates(
    sections.map(({ key }, index) => [key, `${at}/${index}/key`] as const),
    'section',
    report,
  );
  sections.forEach((section, index) => {
    const place = `${at}/${index}`;
    if (!SECTION_KEY.test(section.key)) report(`${place}/key`, `${quote(section.key)} is no section key`);
    for (const name of parametersOf(section)) {
      if (!declared.has(name)) report(place, `the parameter ${quote(name)} is not declared`);
    }
    if (section.kind === 'subject' || section.kind === 'subjects') {
      if (!known.subjects.has(section.subject)) {
        report(`${place}/subject`, `${quote(section.subject)} is no subject of any pack`);
      }
      return;
    }
    for (const key of metricsNamed(section)) {
      if (!known.metrics.has(key)) {
        report(`${place}/query`, `names ${quote(key)}, which no pack declares`);
      }
    }
    checkShape(section, place, report);
  });
}

type AskingSection = Exclude<ViewSection, { kind: 'subject' | 'subjects' }>;

/** Keys that are written out; those made of parameters are known only when asked. */
function metricsNamed(section: AskingSection): string[] {
  const named: readonly (string | { readonly metric: string } | object)[] =
    section.kind === 'distribution' ? [section.query.metric] : section.query.metrics;
  return named
    .flatMap((selection) =>
      typeof selection === 'string' ? [selection] : 'metric' in selection ? [selection.metric] : [],
    )
    .filter((key) => parametersOf(key).length === 0);
}

/** What the shape of a section takes for granted of its question. */
function checkShape(section: AskingSection, at: string, report: Report): void {
  if (section.kind === 'distribution') return;
  const { granularity, groupBy, metrics } = section.query;
  const needsGranularity = section.kind === 'series' || section.kind === 'trend';
  if (needsGranularity !== (granularity !== undefined)) {
    const expected = needsGranularity ? 'needs a granularity' : 'has one value a metric: no granularity';
    report(`${at}/query/granularity`, `a section of ${section.kind} ${expected}`);
  }
  if (section.kind === 'table' && (groupBy ?? []).length === 0) {
    report(`${at}/query/groupBy`, 'a table has a row for each group: it needs a dimension');
  }
  if ((section.kind === 'figures' || section.kind === 'trend') && groupBy !== undefined) {
    report(`${at}/query/groupBy`, `a section of ${section.kind} has no groups`);
  }
  if (section.kind === 'trend' && metrics.length !== 1) {
    report(`${at}/query/metrics`, `a trend is told of one metric, not of ${metrics.length}`);
  }
}

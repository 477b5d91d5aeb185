/** The pages `docs/packs/<pack>.md`, from the declarations. Nothing that serves requests uses this. */
import type {
  BaseMetric,
  Catalogue,
  ElapsedTime,
  FieldCondition,
  MetricDeclaration,
  Pack,
  StateMetric,
  SubjectDeclaration,
  ViewDeclaration,
  ViewParameter,
  ViewSection,
} from '@tidemark/core';
import { recorderExamples, viewExamples } from './page-examples.ts';

type Row = readonly string[];

function table(header: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function codes(texts: readonly string[]): string {
  return texts.map(code).join(' ');
}

function conditions(filters: readonly FieldCondition[] | undefined): string {
  if (filters === undefined || filters.length === 0) return '';
  const all = filters.map(({ field, op, value }) => code(`${field} ${op} ${JSON.stringify(value)}`));
  return `, where ${all.join(' and ')}`;
}

function ofValue(value: string | ElapsedTime | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? code(value) : `time from ${code(value.since)} to ${code(value.until)}`;
}

function howBase({ aggregation, level, value, eventTypes, filters }: BaseMetric): string {
  const what = `${aggregation}${level === undefined ? '' : ` ${level}`}`;
  return `${what} of ${[ofValue(value), codes(eventTypes)].filter(Boolean).join(' of ')}${conditions(filters)}`;
}

function howState({ aggregation, level, value, subject, at, filters, targets }: StateMetric): string {
  const what = `${aggregation}${level === undefined ? '' : ` ${level}`}`;
  const held =
    targets === undefined
      ? ''
      : `; targets by ${code(targets.attribute)}: ${[
          ...Object.entries(targets.values).map(([key, target]) => `${key} ${target}`),
          `otherwise ${targets.otherwise ?? 'none'}`,
        ].join(', ')}`;
  const of = [ofValue(value), code(subject)].filter(Boolean).join(' of ');
  return `${what} of ${of} by ${code(at)}${conditions(filters)}${held}`;
}

function how(metric: MetricDeclaration): string {
  switch (metric.kind) {
    case 'base':
      return howBase(metric);
    case 'state':
      return howState(metric);
    case 'derived':
      return code(metric.expression);
  }
}

function metricsPart({ metrics }: Pack, catalogue: Catalogue): string {
  const rows = metrics.map((metric) => {
    const resolved = catalogue.metric(metric.key);
    const dimensions = resolved?.dimensions.map(({ key }) => key) ?? [];
    return [
      code(metric.key),
      metric.description,
      metric.unit,
      resolved?.role ?? '',
      codes(dimensions),
      how(metric),
    ];
  });
  return table(['metric', 'what it tells', 'unit', 'role', 'by', 'made of'], rows);
}

function eventsPart({ eventTypes }: Pack): string {
  return eventTypes
    .map(({ type, description, fields }) => {
      const rows = fields.map(({ field, type: kind, unit = '', description: told }) => [
        code(field),
        kind,
        unit,
        told,
      ]);
      return `### ${code(type)}\n\n${description}\n\n${table(['field', 'type', 'unit', 'meaning'], rows)}`;
    })
    .join('\n\n');
}

function dimensionsPart({ dimensions }: Pack): string {
  const rows = dimensions.map(({ key, title, field, rolledUp, isPersonal }) => [
    code(key),
    title,
    code(field),
    rolledUp ? 'yes' : 'no: from raw, while raw is kept',
    isPersonal === true ? 'yes' : '',
  ]);
  return table(['dimension', 'title', 'field', 'kept in rollups', 'names a person'], rows);
}

function subjectPart({ kind, description, isPerson, events, attributes }: SubjectDeclaration): string {
  const sources = events.map(({ eventTypes, id }) => `${code(id)} of ${codes(eventTypes)}`).join('; ');
  const person = isPerson === true ? ' It is a person: a viewer may see their own alone.' : '';
  const rows = attributes.map(({ key, title, type, unit, field, keep, eventTypes, filters, isPersonal }) => [
    code(key),
    `${title}${isPersonal === true ? ' (names a person)' : ''}`,
    unit === undefined ? type : `${type}, ${unit}`,
    `${keep} ${code(field)}${eventTypes === undefined ? '' : ` of ${codes(eventTypes)}`}${conditions(filters)}`,
  ]);
  const attributesTable = table(['attribute', 'title', 'type', 'value'], rows);
  return `### ${code(kind)}\n\n${description}${person} Its id: ${sources}.\n\n${attributesTable}`;
}

function bounds({ minimum, maximum, enum: values }: ViewParameter): string {
  if (values !== undefined) return codes(values);
  if (minimum === undefined && maximum === undefined) return '';
  return `${minimum ?? ''} to ${maximum ?? ''}`;
}

function presence({ name, default: value, isRequired }: ViewParameter, path: string): string {
  if (value !== undefined) return code(String(value));
  return isRequired === true || path.includes(`{${name}}`) ? 'required' : 'none';
}

function sectionsPart(sections: readonly ViewSection[]): string {
  const rows = sections.map((section) => [
    code(section.key),
    [section.title, section.description].filter(Boolean).join(': '),
    section.kind,
    section.role ?? '',
    about(section),
  ]);
  return table(['section', 'title', 'kind', 'role', 'about'], rows);
}

function about(section: ViewSection): string {
  if (section.kind === 'subject' || section.kind === 'subjects') return code(section.subject);
  if (section.kind === 'distribution') return code(section.query.metric);
  const { metrics, groupBy = [], compare } = section.query;
  const keys = metrics.map((selection) => (typeof selection === 'string' ? selection : selection.as));
  const by = groupBy.length === 0 ? '' : ` by ${codes(groupBy.map(String))}`;
  return `${codes(keys)}${by}${compare === undefined ? '' : `, compared (${code(compare)})`}`;
}

function viewPart(view: ViewDeclaration, pack: Pack): string {
  const { path, methods, title, description, role, ownedBy, parameters, sections } = view;
  const doors = methods.map((method) => code(`${method} /api/v1/analytics/${path}`)).join(', ');
  const who = [
    role === 'admin' ? ' For admins.' : '',
    ownedBy === undefined ? '' : ` Viewers may name only themselves in ${code(ownedBy)}.`,
  ].join('');
  const rows = parameters.map((parameter) => [
    code(parameter.name),
    parameter.type,
    parameter.unit ?? '',
    presence(parameter, path),
    bounds(parameter),
    parameter.description,
  ]);
  const told = table(['parameter', 'type', 'unit', 'default', 'values', 'meaning'], rows);
  const example = viewExamples(view, pack);
  return [`### ${title}`, doors, `${description}${who}`, example, told, sectionsPart(sections)].join('\n\n');
}

function doorsPart(pack: Pack): string[] {
  const { recorders, importMappings } = pack;
  const recorded = recorders.map(({ name, title, eventType, fields }) => {
    const door = code(`POST /api/v1/analytics/metrics${name === null ? '' : `/${name}`}`);
    const keys = fields.map(({ from, required }) => `${code(from)}${required ? '' : '?'}`).join(' ');
    return `- ${door}: ${title}, becomes ${code(eventType)}. Keys: ${keys} ${code('id')}? ${code('time')}?`;
  });
  const imported = importMappings.map(({ key, title, settable }) => {
    const settings = settable.map(({ name, required }) => `${code(`--set ${name}=…`)}${required ? '' : '?'}`);
    return `- ${code(`tidemark import ${key} <file>`)}: ${title}.${settings.length === 0 ? '' : ` Settings: ${settings.join(' ')}`}`;
  });
  return [
    ...(recorded.length === 0 ? [] : [`## Recorders\n\n${recorded.join('\n')}\n\n${recorderExamples(pack)}`]),
    ...(imported.length === 0 ? [] : [`## Imports\n\n${imported.join('\n')}`]),
  ];
}

/** The whole page, with a line break at its end. */
export function packPage(pack: Pack, catalogue: Catalogue): string {
  const parts = [
    `# ${pack.title} (${code(pack.key)})`,
    `<!-- Made from the declarations by \`npm run docs:packs\`; edit those. -->`,
    pack.description,
    `## Events\n\n${eventsPart(pack)}`,
    ...doorsPart(pack),
    `## Dimensions\n\n${dimensionsPart(pack)}`,
    `## Metrics\n\n${metricsPart(pack, catalogue)}`,
    ...(pack.subjects.length === 0 ? [] : [`## Subjects\n\n${pack.subjects.map(subjectPart).join('\n\n')}`]),
    ...(pack.views.length === 0
      ? []
      : [`## Views\n\n${pack.views.map((view) => viewPart(view, pack)).join('\n\n')}`]),
    ...(pack.dashboard.length === 0 ? [] : [`## Dashboard\n\n${sectionsPart(pack.dashboard)}`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

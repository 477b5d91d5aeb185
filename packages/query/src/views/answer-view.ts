/** A view answered: its parameters filled in, each section asked of the engine, the answers shaped. */
import {
  type Answer,
  AppError,
  type Catalogue,
  type DistributionAnswer,
  type DistributionQuery,
  type Fault,
  fillTemplate,
  type FilterNode,
  isAppError,
  type MetricSelection,
  type ParameterValues,
  type Principal,
  type Query,
  roleAllows,
  type ViewDeclaration,
  type ViewSection,
} from '@tidemark/core';
import type { SubjectAnswer } from '../subjects/lookup.ts';
import { inParallel } from '../in-parallel.ts';
import {
  addsUp,
  type FiguresSection,
  type SeriesSection,
  type TableSection,
  toFigures,
  toSeries,
  toTable,
  toTrend,
  type TrendSection,
} from './sections.ts';

/** Sections of one view that are asked at the same time. */
const SECTIONS_AT_ONCE_MAX = 4;

/** What a section without a range of its own is about, when the asker names none. */
const DEFAULT_RANGE = { from: 'now-24h', to: 'now' } as const;

/** The questions that sections ask. Every implementation binds the principal's organization itself. */
export interface ViewSources {
  ask(principal: Principal, query: Query, signal?: AbortSignal): Promise<Answer>;
  distribute(
    principal: Principal,
    query: DistributionQuery,
    signal?: AbortSignal,
  ): Promise<DistributionAnswer>;
  /** Null: nothing is known of it. */
  subject(
    principal: Principal,
    request: { readonly kind: string; readonly id: string; readonly attributes?: readonly string[] },
    signal?: AbortSignal,
  ): Promise<SubjectAnswer | null>;
  /** Those seen last first. */
  subjects(
    principal: Principal,
    request: { readonly kind: string; readonly limit: number; readonly attributes?: readonly string[] },
    signal?: AbortSignal,
  ): Promise<readonly SubjectAnswer[]>;
}

export type SectionAnswer =
  | FiguresSection
  | SeriesSection
  | TableSection
  | TrendSection
  | ({ readonly kind: 'distribution'; readonly title: string } & DistributionAnswer)
  | { readonly kind: 'subject'; readonly title: string; readonly subject: SubjectAnswer | null }
  | { readonly kind: 'subjects'; readonly title: string; readonly subjects: readonly SubjectAnswer[] };

export interface ViewAnswer {
  readonly view: string;
  /** As they were used, defaults included. */
  readonly parameters: ParameterValues;
  readonly sections: Readonly<Record<string, SectionAnswer>>;
  /** Sections that the asker's role does not see. */
  readonly omitted: readonly string[];
}

export interface ViewRequest {
  readonly view: Pick<ViewDeclaration, 'key' | 'parameters' | 'ownedBy' | 'sections'>;
  readonly parameters: ParameterValues;
  readonly catalogue: Catalogue;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @throws forbidden when the view is a person's and the asker neither that person nor an administrator; what the engine throws, with
 * pointers that begin with the section
 */
export async function answerView(
  sources: ViewSources,
  principal: Principal,
  { view, parameters, catalogue, signal }: ViewRequest,
): Promise<ViewAnswer> {
  assertOwn(principal, view, parameters);
  const values = withDefaults(view, parameters);
  const seen = view.sections.filter(({ role = 'viewer' }) => roleAllows(principal.role, role));
  const answers = new Map<string, SectionAnswer>();
  await inParallel(seen, { atOnceMax: SECTIONS_AT_ONCE_MAX, signal }, async (section, either) => {
    const request = { section, values, catalogue, signal: either };
    answers.set(section.key, await answerSection(sources, principal, request));
  });
  return {
    view: view.key,
    parameters: values,
    sections: Object.fromEntries(seen.map(({ key }) => [key, answers.get(key)])) as Record<
      string,
      SectionAnswer
    >,
    omitted: view.sections.filter((section) => !seen.includes(section)).map(({ key }) => key),
  };
}

function assertOwn(
  principal: Principal,
  { ownedBy }: ViewRequest['view'],
  parameters: ParameterValues,
): void {
  if (ownedBy === undefined || principal.role === 'admin') return;
  if (principal.user !== null && parameters[ownedBy] === principal.user) return;
  throw new AppError('forbidden', 'this credential may see its own user alone');
}

function withDefaults({ parameters }: ViewRequest['view'], given: ParameterValues): ParameterValues {
  const defaults = parameters.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(present) };
}

interface SectionRequest {
  readonly section: ViewSection;
  readonly values: ParameterValues;
  readonly catalogue: Catalogue;
  readonly signal: AbortSignal;
}

async function answerSection(
  sources: ViewSources,
  principal: Principal,
  request: SectionRequest,
): Promise<SectionAnswer> {
  try {
    return await askSection(sources, principal, request);
  } catch (error) {
    throw located(error, request.section.key);
  }
}

async function askSection(
  sources: ViewSources,
  principal: Principal,
  { section, values, catalogue, signal }: SectionRequest,
): Promise<SectionAnswer> {
  const { title } = section;
  switch (section.kind) {
    case 'distribution': {
      const query = withReader(fillTemplate(section.query, values) as DistributionQuery, values);
      return { kind: 'distribution', title, ...(await sources.distribute(principal, query, signal)) };
    }
    case 'subject': {
      const { subject: kind, attributes } = section;
      const { id } = fillTemplate({ id: section.id }, values) as { id: string };
      const asked = { kind, id, ...(attributes === undefined ? {} : { attributes }) };
      return { kind: 'subject', title, subject: await sources.subject(principal, asked, signal) };
    }
    case 'subjects': {
      const { limit } = fillTemplate({ limit: section.limit }, values) as { limit: number };
      const { subject: kind, attributes } = section;
      const asked = { kind, limit, ...(attributes === undefined ? {} : { attributes }) };
      return { kind: 'subjects', title, subjects: await sources.subjects(principal, asked, signal) };
    }
    default: {
      const filled = withReader(fillTemplate(section.query, values) as Query, values);
      const query = section.kind === 'table' ? withRest(filled, catalogue) : filled;
      const answer = await sources.ask(principal, query, signal);
      const material = { title, answer, selections: query.metrics, catalogue };
      return SHAPES[section.kind](material);
    }
  }
}

const SHAPES = { figures: toFigures, series: toSeries, table: toTable, trend: toTrend } as const;

/** The range, zone and filters that are the reader's, where the section leaves them open. */
function withReader<Q extends Query | DistributionQuery>(query: Q, values: ParameterValues): Q {
  const text = (name: string) => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const timeZone = query.timeZone ?? text('timeZone');
  const filters = [...(query.filters ?? []), ...((values['filters'] ?? []) as readonly FilterNode[])];
  return {
    ...query,
    from: query.from ?? text('from') ?? DEFAULT_RANGE.from,
    to: query.to ?? text('to') ?? DEFAULT_RANGE.to,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(filters.length === 0 ? {} : { filters }),
  };
}

/** Shares are of all groups, shown or not: where the first metric adds up, the rest is asked too. */
function withRest(query: Query, catalogue: Catalogue): Query {
  const [first]: readonly (MetricSelection | undefined)[] = query.metrics;
  return typeof first === 'string' && addsUp(catalogue.metric(first)) ? { ...query, other: true } : query;
}

/** Pointers of a question's faults lead to its section. */
function located(error: unknown, section: string): unknown {
  if (!isAppError(error) || error.faults.length === 0) return error;
  const at = (fault: Fault): Fault => ({ ...fault, pointer: `/sections/${section}${fault.pointer}` });
  return new AppError(error.code, error.message, { cause: error, faults: error.faults.map(at) });
}

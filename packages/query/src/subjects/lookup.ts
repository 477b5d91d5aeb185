/** Subjects themselves: one by its id, or those of a kind, seen last first. */
import {
  type Catalogue,
  type CatalogueSubject,
  type OrganizationId,
  type Principal,
  roleAllows,
  type SubjectAttribute,
  toDecimal,
} from '@tidemark/core';
import { type Row, SqlParameters, type Statement, type WarehouseExecutor } from '@tidemark/warehouse';
import { conditionsOf, filterSql } from '../filters.ts';
import { isMoney, writtenValue } from '../figures.ts';
import type { StatementLimits } from '../limits.ts';
import type { QueryPipeline } from '../pipeline.ts';
import type { Interval } from '../plan.ts';
import { explained } from '../refusals.ts';
import { limited } from '../statement.ts';
import { pivotOf } from './pivot.ts';
import { rawBesideFacts } from './sources.ts';
import {
  type Asker,
  assertSeen,
  onlyOwn,
  type ResolvedSubjects,
  resolveSubjects,
  type SubjectsQuery,
  writePlace,
} from './subject-query.ts';

export interface SubjectAnswer {
  readonly kind: string;
  readonly id: string;
  /**
   * Numbers as values of metrics are written; times as RFC 3339. Null: no event has told it. What names a person other than the asker
   * is left out of a viewer's answer.
   */
  readonly attributes: Readonly<Record<string, string | number | null>>;
  /** The times of the earliest and the newest event that told of it, RFC 3339. */
  readonly firstSeen: string;
  readonly lastSeen: string;
}

export interface SubjectList {
  /** Seen last first; of equal times by id. */
  readonly subjects: readonly SubjectAnswer[];
  /** Asks for those behind; null when there are none. */
  readonly nextCursor: string | null;
}

type Asking = Pick<Principal, 'organization' | 'role' | 'user'>;

export interface SubjectLookup {
  /**
   * Null: no event has told of it. Of a kind of persons a viewer sees themselves alone.
   * @throws not-found (no such kind), invalid-query, forbidden; query-timeout, query-too-expensive; warehouse-unavailable,
   * catalog-unavailable
   */
  subject(
    principal: Asking,
    query: { readonly kind: string; readonly id: string; readonly attributes?: readonly string[] },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SubjectAnswer | null>;
  /** Of a kind of persons a viewer gets themselves alone. One seen again meanwhile may be met on two pages. @throws as `subject` */
  subjects(
    principal: Asking,
    query: SubjectsQuery,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SubjectList>;
}

export interface SubjectLookupOptions {
  readonly warehouse: Pick<WarehouseExecutor, 'query'>;
  readonly pipeline: QueryPipeline;
  readonly catalogueOf: (organization: OrganizationId) => Promise<Pick<Catalogue, 'subject' | 'subjects'>>;
  readonly limitsOf: (organization: OrganizationId) => StatementLimits | Promise<StatementLimits>;
  readonly completeThrough: () => Promise<number | null>;
}

export function createSubjectLookup(options: SubjectLookupOptions): SubjectLookup {
  const { warehouse, pipeline } = options;
  const readingOf = async (
    { organization }: Asking,
    subject: CatalogueSubject,
    signal: AbortSignal | undefined,
  ): Promise<Reading> => {
    const completeThroughMs = await options.completeThrough();
    const limits = await options.limitsOf(organization);
    return {
      organization,
      subject,
      rawIntervals: await rawBesideFacts(subject.facts, { organization, pipeline, completeThroughMs }),
      limits,
      run: (statement) =>
        warehouse
          .query<Row>(signal === undefined ? statement : { ...statement, signal })
          .catch((error: unknown) => {
            throw explained(error, limits);
          }),
    };
  };
  return {
    async subject(principal, { id, ...query }, { signal } = {}) {
      const resolved = resolveSubjects(query, principal, await options.catalogueOf(principal.organization));
      assertSeen(id, resolved.subject, principal);
      const reading = await readingOf(principal, resolved.subject, signal);
      return (await readSubjects(reading, resolved, [id], principal)).get(id) ?? null;
    },
    async subjects(principal, query, { signal } = {}) {
      const resolved = resolveSubjects(query, principal, await options.catalogueOf(principal.organization));
      const own = onlyOwn(resolved.subject, principal);
      const reading = await readingOf(principal, resolved.subject, signal);
      const page = await reading.run(pageStatement(reading, resolved, own));
      const shown = page.slice(0, resolved.limit).map((row) => String(row['id']));
      const found = await readSubjects(reading, resolved, shown, principal);
      const last = page.length > resolved.limit ? page[resolved.limit - 1] : undefined;
      return {
        subjects: shown.flatMap((id) => found.get(id) ?? []),
        nextCursor:
          last === undefined
            ? null
            : writePlace({ lastSeen: String(last['last_seen']), id: String(last['id']) }),
      };
    },
  };
}

interface Reading {
  readonly organization: OrganizationId;
  readonly subject: CatalogueSubject;
  readonly rawIntervals: readonly Interval[];
  readonly limits: StatementLimits;
  readonly run: (statement: Statement) => Promise<Row[]>;
}

/** Rows `{id, last_seen}`, one more than asked if there are more. Reads only what filters ask for: the rest is read of those shown. */
function pageStatement(
  { organization, subject, rawIntervals, limits }: Reading,
  { filters, limit, after }: ResolvedSubjects,
  own: string | null,
): Statement {
  const parameters = new SqlParameters();
  const pivot = pivotOf(
    {
      organization,
      subject,
      keys: conditionsOf(filters).map(({ dimension }) => dimension),
      withPresence: true,
      rawIntervals,
      ...(own === null ? {} : { ids: [own] }),
    },
    parameters,
  );
  const where = [
    `last_seen != ''`,
    ...filters.map((node) => filterSql(node, (key) => pivot.text(key), parameters)),
  ];
  if (after !== null) {
    const [lastSeen, id] = [parameters.bind('String', after.lastSeen), parameters.bind('String', after.id)];
    where.push(`(last_seen < ${lastSeen} OR (last_seen = ${lastSeen} AND id > ${id}))`);
  }
  const sql = `SELECT id, last_seen
FROM (
${pivot.sql}
)
WHERE ${where.join('\n  AND ')}
ORDER BY last_seen DESC, id
LIMIT ${parameters.bind('UInt64', limit + 1)}`;
  return limited(sql, parameters, limits, limits.resultRowsMax);
}

async function readSubjects(
  { organization, subject, rawIntervals, limits, run }: Reading,
  { attributes }: ResolvedSubjects,
  ids: readonly string[],
  asker: Asker,
): Promise<ReadonlyMap<string, SubjectAnswer>> {
  if (ids.length === 0) return new Map();
  const parameters = new SqlParameters();
  const keys = attributes.map(({ declaration }) => declaration.key);
  const pivot = pivotOf({ organization, subject, keys, withPresence: true, rawIntervals, ids }, parameters);
  const columns = attributes.map(({ declaration: { key, type } }, index) => {
    const text = type === 'number' ? pivot.number(key) : type === 'time' ? pivot.time(key) : pivot.text(key);
    return `toString(${text}) AS value${index}`;
  });
  const sql = `SELECT ${['id', 'first_seen', 'last_seen', ...columns].join(', ')}
FROM (
${pivot.sql}
)
WHERE last_seen != ''`;
  const rows = await run(limited(sql, parameters, limits, limits.resultRowsMax));
  return new Map(
    rows.map((row) => {
      const id = String(row['id']);
      const values = attributes.flatMap(({ declaration }, index) => {
        const text = row[`value${index}`];
        const told = typeof text === 'string' && text !== '' ? text : null;
        return maySee(declaration, told, asker)
          ? [[declaration.key, valueOf(declaration, told)] as const]
          : [];
      });
      return [
        id,
        {
          kind: subject.kind,
          id,
          attributes: Object.fromEntries(values),
          firstSeen: instantOf(String(row['first_seen'])),
          lastSeen: instantOf(String(row['last_seen'])),
        },
      ];
    }),
  );
}

function maySee(
  { isPersonal }: SubjectAttribute['declaration'],
  told: string | null,
  { role, user }: Asker,
): boolean {
  return isPersonal !== true || roleAllows(role, 'admin') || (user !== null && told === user);
}

function valueOf(
  { type, unit = '1' }: SubjectAttribute['declaration'],
  told: string | null,
): string | number | null {
  if (told === null || type === 'string') return told;
  return type === 'time' ? instantOf(told) : writtenValue(toDecimal(told), isMoney(unit));
}

/** RFC 3339 UTC, from a time with nine decimals: those that are zeros are left out. */
function instantOf(text: string): string {
  return `${text
    .replace(' ', 'T')
    .replace(/Z$/, '')
    .replace(/\.?0+$/, '')}Z`;
}

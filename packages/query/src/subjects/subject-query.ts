/** From a question about the subjects of a kind as it came to one that can be read; every fault is reported, with its place. */
import {
  AppError,
  type Catalogue,
  type CatalogueStateMetric,
  type CatalogueSubject,
  type Fault,
  type FilterNode,
  type Principal,
  roleAllows,
  type SubjectAttribute,
} from '@tidemark/core';
import { quote, type Report } from '../faults.ts';
import { checkFilters } from '../filters.ts';
import { CURSOR_LENGTH_MAX } from '../limits.ts';
import { checkPersonal } from '../personal.ts';
import { refusal } from '../validate.ts';

const SUBJECTS_DEFAULT = 100;
const SUBJECTS_MAX = 1_000;

export interface SubjectsQuery {
  readonly kind: string;
  /** Keys; all when absent. */
  readonly attributes?: readonly string[];
  /** All must hold. `dimension` names an attribute. */
  readonly filters?: readonly FilterNode[];
  /** `SUBJECTS_DEFAULT` when absent, at most `SUBJECTS_MAX`. */
  readonly limit?: number;
  /** The `nextCursor` of an answer to the same question. */
  readonly cursor?: string;
}

/** Behind which the page begins. */
export interface SubjectPlace {
  readonly lastSeen: string;
  readonly id: string;
}

export interface ResolvedSubjects {
  readonly subject: CatalogueSubject;
  /** What is told: of a viewer's question, values of personal ones are told only if they are the asker's own (`isPersonal`). */
  readonly attributes: readonly SubjectAttribute[];
  readonly filters: readonly FilterNode[];
  readonly limit: number;
  readonly after: SubjectPlace | null;
}

export type Asker = Pick<Principal, 'role' | 'user'>;

/** @throws not-found (no such kind), invalid-query or forbidden, with all faults of the question */
export function resolveSubjects(
  query: SubjectsQuery,
  asker: Asker,
  catalogue: Pick<Catalogue, 'subject' | 'subjects'>,
): ResolvedSubjects {
  const subject = catalogue.subject(query.kind);
  if (subject === null) {
    const known = catalogue.subjects.map(({ kind }) => kind).join(', ');
    throw new AppError(
      'not-found',
      `${quote(query.kind)} is no kind of subject (there are: ${known === '' ? 'none' : known})`,
    );
  }
  const faults: Fault[] = [];
  const report: Report = (pointer, detail, code = 'invalid-query') => {
    faults.push({ code, pointer, detail });
  };
  const attributes = resolveAttributes(query, subject, report);
  const { filters = [], limit = SUBJECTS_DEFAULT } = query;
  const whole = everySubject(subject);
  checkFilters(filters, [whole], report);
  if (!Number.isInteger(limit) || limit < 1 || limit > SUBJECTS_MAX) {
    report('/limit', `${limit} is out of range: expected a whole number from 1 to ${SUBJECTS_MAX}`);
  }
  const after = readPlace(query.cursor, report);
  // What is no filter at all was reported, and is not looked into.
  if (faults.length === 0) checkPersonal({ metrics: [whole], groupBy: [], filters }, asker, report);
  if (faults.length > 0) throw refusal(faults);
  return { subject, attributes, filters, limit, after };
}

/**
 * The one subject of a kind of persons that the asker may see; null: all.
 * @throws forbidden when the credential is nobody's
 */
export function onlyOwn(subject: CatalogueSubject, { role, user }: Asker): string | null {
  if (subject.declaration.isPerson !== true || roleAllows(role, 'admin')) return null;
  if (user !== null) return user;
  throw new AppError(
    'forbidden',
    `A ${subject.kind} is a person: a viewer may ask about themselves alone, and this credential is nobody's`,
  );
}

/** @throws forbidden unless the asker may see this one */
export function assertSeen(id: string, subject: CatalogueSubject, asker: Asker): void {
  const own = onlyOwn(subject, asker);
  if (own === null || own === id) return;
  throw new AppError(
    'forbidden',
    `A ${subject.kind} is a person: a viewer may ask about themselves alone, ${quote(own)}`,
  );
}

function resolveAttributes(
  { attributes }: SubjectsQuery,
  subject: CatalogueSubject,
  report: Report,
): readonly SubjectAttribute[] {
  if (attributes === undefined) return subject.attributes;
  const known = new Map(subject.attributes.map((one) => [one.declaration.key, one]));
  return [...new Set(attributes)].flatMap((key) => {
    const found = known.get(key);
    if (found !== undefined) return [found];
    const keys = [...known.keys()].join(', ');
    const at = `/attributes/${attributes.indexOf(key)}`;
    report(at, `${quote(key)} is no attribute of ${subject.kind} (it has: ${keys === '' ? 'none' : keys})`);
    return [];
  });
}

/** For the rules of filters: whatever may be asked of all subjects of the kind. */
function everySubject({ kind, attributes, eventTypes, ...rest }: CatalogueSubject): CatalogueStateMetric {
  return {
    kind: 'state',
    key: kind,
    declaration: {
      kind: 'state',
      key: kind,
      title: kind,
      description: '',
      unit: '1',
      direction: 'neutral',
      subject: kind,
      at: '',
      aggregation: 'count',
      dimensions: attributes.map(({ declaration }) => declaration.key),
    },
    subject: { kind, attributes, eventTypes, ...rest },
    dimensions: attributes.map(({ declaration: { key, title, isPersonal } }) => ({
      key,
      title,
      rolledUp: true,
      ...(isPersonal === undefined ? {} : { isPersonal }),
    })),
    role: 'viewer',
    eventTypes,
  };
}

export function writePlace({ lastSeen, id }: SubjectPlace): string {
  return Buffer.from(JSON.stringify([lastSeen, id])).toString('base64url');
}

function readPlace(text: string | undefined, report: Report): SubjectPlace | null {
  if (text === undefined) return null;
  const parts = text.length > CURSOR_LENGTH_MAX ? null : partsOf(text);
  if (parts === null) report('/cursor', 'is no cursor: expected the nextCursor of an answer, unchanged');
  return parts;
}

function partsOf(text: string): SubjectPlace | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(parts)) return null;
    const [lastSeen, id] = parts as unknown[];
    return typeof lastSeen === 'string' && typeof id === 'string' ? { lastSeen, id } : null;
  } catch {
    return null;
  }
}

/** Subjects with their attributes side by side: one row a subject, from what is kept and from raw. */
import {
  assertThat,
  type CatalogueSubject,
  type OrganizationId,
  type SubjectAttribute,
} from '@tidemark/core';
import {
  keptFacts,
  numberOfText,
  RAW_TIME_MS,
  rawFacts,
  type SqlParameters,
  timeOfText,
  toldValue,
} from '@tidemark/warehouse';
import { timeColumn, withinIntervals } from '../interval-sql.ts';
import type { Interval } from '../plan.ts';

export interface PivotRequest {
  readonly organization: OrganizationId;
  readonly subject: CatalogueSubject;
  /** Of attributes. */
  readonly keys: Iterable<string>;
  /** Whether `first_seen` and `last_seen` are wanted. */
  readonly withPresence: boolean;
  /** `rawBesideFacts` */
  readonly rawIntervals: readonly Interval[];
  /** These subjects alone; absent: all. */
  readonly ids?: readonly string[];
}

export interface Pivot {
  /** Rows (`id`, one text column an attribute, `first_seen?`, `last_seen?`). '' where nothing was told. */
  readonly sql: string;
  /** SQL of the text of an attribute, '' when absent. */
  text(key: string): string;
  /** SQL of a number attribute, Nullable(Decimal(38, 12)). */
  number(key: string): string;
  /** SQL of a time attribute, Nullable(DateTime64(9)). */
  time(key: string): string;
}

export function pivotOf(request: PivotRequest, parameters: SqlParameters): Pivot {
  const { subject, organization, withPresence, rawIntervals, ids } = request;
  const keys = [...new Set(request.keys)];
  const attributes = keys.map((key) => attributeOf(subject, key));
  const columns = attributes.map(({ declaration, fact }, index) => {
    const isFact = `fact = ${parameters.bind('String', fact.fingerprint)}`;
    return `${declaration.keep === 'last' ? latest(isFact) : earliest(isFact)} AS a${index}`;
  });
  if (withPresence) {
    const isPresence = `fact = ${parameters.bind('String', subject.presence.fingerprint)}`;
    columns.push(`${earliest(isPresence)} AS first_seen`, `${latest(isPresence)} AS last_seen`);
  }
  const used = [...attributes.map(({ fact }) => fact), ...(withPresence ? [subject.presence] : [])];
  const facts = [...new Map(used.map((fact) => [fact.fingerprint, fact])).values()];
  const selection = { organization, facts, ...(ids === undefined ? {} : { ids }) };
  const within = withinIntervals(rawIntervals, timeColumn('raw', RAW_TIME_MS), parameters);
  const text = (key: string) => {
    const index = keys.indexOf(key);
    assertThat(index >= 0, `attribute ${key} is read`);
    return `a${index}`;
  };
  return {
    sql: `SELECT ${['id', ...columns].join(', ')}
FROM (
  ${keptFacts(selection, parameters)}
  UNION ALL
  ${rawFacts(selection, within, parameters)}
)
GROUP BY id`,
    text,
    number: (key) => numberOfText(text(key)),
    time: (key) => timeOfText(text(key)),
  };
}

function latest(condition: string): string {
  return toldValue(`maxIf(latest, ${condition})`);
}

function earliest(condition: string): string {
  return toldValue(`minIf(earliest, ${condition})`);
}

export function attributeOf(subject: CatalogueSubject, key: string): SubjectAttribute {
  const found = subject.attributes.find(({ declaration }) => declaration.key === key);
  assertThat(found !== undefined, `${subject.kind} has an attribute ${key}`);
  return found;
}

/** Builders of rows and measures for the conformance suite of the stores. */
import { compileMeasures, parseOrganizationId } from '@tidemark/core';
import type { Aggregation, FieldCondition, FieldReference, Measure, OrganizationId } from '@tidemark/core';
import type { EventBatch, EventRow } from './events.ts';

export const NOON_MS = Date.UTC(2026, 0, 15, 12);
export const TYPE = 'test.happened';

let next = 0;

/** A number that no other caller gets: names of organizations, topics, versions. */
export function unique(): number {
  next += 1;
  return next;
}

export function organizationId(text = `org-${unique()}`): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw new Error(`not an organization id: ${text}`);
  return id;
}

export function eventRow(fields: Partial<EventRow> & Pick<EventRow, 'organization' | 'offset'>): EventRow {
  return {
    type: TYPE,
    timeText: new Date(NOON_MS).toISOString(),
    id: `event-${fields.offset}`,
    source: 'tests',
    subject: null,
    dataText: '{}',
    extensions: {},
    receivedAtMs: NOON_MS,
    identity: String(fields.offset),
    content: '0',
    ...fields,
  };
}

export function eventBatch(rows: readonly EventRow[], batch: Partial<EventBatch> = {}): EventBatch {
  return { topic: `topic-${unique()}`, partition: 0, rows, ...batch };
}

/** One that no other insert has. */
export function newToken(): string {
  return `token-${unique()}`;
}

/** A measure as the catalogue compiles it. Dimensions: key -> field, all of them rolled up. */
export function measureOf(options: {
  readonly value?: FieldReference;
  readonly aggregation: Aggregation;
  readonly eventTypes?: readonly string[];
  readonly filters?: readonly FieldCondition[];
  readonly dimensions?: Readonly<Record<string, FieldReference>>;
}): Measure {
  const { value, aggregation, eventTypes = [TYPE], filters = [], dimensions = {} } = options;
  const metric = {
    kind: 'base',
    key: 'tests.metric',
    title: '',
    description: '',
    unit: '1',
    direction: 'neutral',
    eventTypes,
    filters,
    aggregation,
    dimensions: Object.keys(dimensions),
    ...(value === undefined ? {} : { value }),
  } as const;
  const declared = Object.entries(dimensions).map(([key, field]) => ({
    key,
    field,
    title: key,
    rolledUp: true,
  }));
  const measure = compileMeasures([metric], () => declared).get(metric.key);
  if (measure === undefined) throw new Error('the metric compiles to a measure');
  return measure;
}

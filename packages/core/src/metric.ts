/**
 * What a user declares, as data. A pack is a list of these; no engine code knows any key that occurs in one.
 */
import type { Role } from './api-key.ts';

/**
 * Where in an event a value is read: `data.<key>[.<key>…]` (keys of `A-Z a-z 0-9 _`), or one of the attributes `subject`,
 * `source`, `type`.
 */
export type FieldReference = string;

const FIELD_REFERENCE = /^(?:subject|source|type|data(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8})$/;

export function isFieldReference(text: string): boolean {
  return FIELD_REFERENCE.test(text);
}

export const FILTER_OPERATORS = [
  'eq',
  'ne',
  'in',
  'nin',
  'gt',
  'gte',
  'lt',
  'lte',
  'contains',
  'exists',
] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];
export type FilterValue = string | number | boolean | readonly (string | number | boolean)[];

/**
 * `gt gte lt lte` compare numbers; the others compare text. `in` and `nin` take a list; `exists` takes true or false. An absent
 * or empty field satisfies only `exists: false`, `ne` and `nin`.
 */
export interface FieldCondition {
  readonly field: FieldReference;
  readonly op: FilterOperator;
  readonly value: FilterValue;
}

export interface DimensionDeclaration {
  readonly key: string;
  readonly title: string;
  readonly field: FieldReference;
  /**
   * True: rollups are kept by this dimension. False for what has thousands of values (a user, a path): questions about it are
   * answered from raw, exactly, while raw is kept.
   */
  readonly rolledUp: boolean;
  /** True: the value names a person. A viewer may ask for their own value alone, and not group by it. */
  readonly isPersonal?: true;
}

export const AGGREGATIONS = ['count', 'sum', 'avg', 'min', 'max', 'last', 'unique', 'quantile'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

interface MetricCommon {
  /** `<pack>.<name>`, lower case: letters, digits, `_`, dots between. */
  readonly key: string;
  readonly title: string;
  readonly description: string;
  /** A UCUM-like unit or a currency (`ms`, `By`, `{token}`, `%`, `USD`). */
  readonly unit: string;
  readonly direction: 'up-is-better' | 'down-is-better' | 'neutral';
  /** The least role that may ask; `viewer` when absent. */
  readonly role?: Role;
}

export interface BaseMetric extends MetricCommon {
  readonly kind: 'base';
  readonly eventTypes: readonly string[];
  /** All must hold for an event to count. */
  readonly filters?: readonly FieldCondition[];
  /** Required for every aggregation but `count`. `unique` reads text; the others a number (JSON number, or text that is one). */
  readonly value?: FieldReference;
  readonly aggregation: Aggregation;
  /** For `quantile`: 0 < level < 1. */
  readonly level?: number;
  /** Keys of the pack's dimensions that may be grouped and filtered by. */
  readonly dimensions: readonly string[];
}

export interface DerivedMetric extends MetricCommon {
  readonly kind: 'derived';
  /**
   * Numbers, metric keys, `seconds` (the length of the bucket, as far as it has passed), `+ - * /` and parentheses. Division by
   * zero, or an absent operand, gives null.
   */
  readonly expression: string;
}

/** The time from one time attribute of a subject to another, in the unit given; absent unless both are there and in order. */
export interface ElapsedTime {
  readonly since: string;
  readonly until: string;
  readonly unit: 'ms' | 's' | 'min' | 'h' | 'd';
}

/** What a value is held to: by the value of an attribute, or for all others. Null: no target, so it does not count. */
export interface Targets {
  readonly attribute: string;
  readonly values: Readonly<Record<string, number>>;
  readonly otherwise: number | null;
}

/**
 * A quantity of subjects as they are NOW (a ticket counts under the status it has now), not of events. Its dimensions are attributes
 * of the subject.
 */
export interface StateMetric extends MetricCommon {
  readonly kind: 'state';
  /** The kind of a subject of the pack. */
  readonly subject: string;
  /** The time attribute by which subjects lie in the range and in buckets (created, resolved); subjects without it do not count. */
  readonly at: string;
  /** All must hold. `field` names an attribute here. */
  readonly filters?: readonly FieldCondition[];
  /** A number attribute, or a time elapsed; of `unique` any attribute. Required for every aggregation but `count`. */
  readonly value?: string | ElapsedTime;
  /** `within`: how many subjects that have a value and a target meet it (value <= target). `targeted`: how many have both. */
  readonly aggregation:
    | 'count'
    | 'sum'
    | 'avg'
    | 'min'
    | 'max'
    | 'unique'
    | 'quantile'
    | 'within'
    | 'targeted';
  /** For `quantile`: 0 < level < 1. */
  readonly level?: number;
  /** For `within` and `targeted`; a question may bring its own. */
  readonly targets?: Targets;
  /** Keys of attributes that may be grouped and filtered by. */
  readonly dimensions: readonly string[];
}

export type MetricDeclaration = BaseMetric | DerivedMetric | StateMetric;

/**
 * One attribute of a subject: of all values that events told, the one of the newest (or earliest) event stands, in the order
 * of (time, id). An absent or empty field tells nothing.
 */
export interface AttributeDeclaration {
  readonly key: string;
  readonly title: string;
  readonly type: 'string' | 'number' | 'time';
  readonly unit?: string;
  /** A field; or `time`, the event's own time (RFC 3339 when read). */
  readonly field: FieldReference;
  /** Of these types alone; of all types of the subject when absent. */
  readonly eventTypes?: readonly string[];
  /** Of the events, all must hold. */
  readonly filters?: readonly FieldCondition[];
  readonly keep: 'first' | 'last';
  /** As of `DimensionDeclaration`. */
  readonly isPersonal?: true;
}

/** An entity that events tell of: a ticket, a campaign, an account, an agent, a user. */
export interface SubjectDeclaration {
  /** `<pack>.<name>`. */
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  /** True: its id names a person. A viewer may see their own alone. */
  readonly isPerson?: true;
  /** Which events tell of it, and in which field each names it; an event with an empty one tells of none. */
  readonly events: readonly { readonly eventTypes: readonly string[]; readonly id: FieldReference }[];
  readonly attributes: readonly AttributeDeclaration[];
}

export interface EventFieldDeclaration {
  readonly field: FieldReference;
  /** `labels`: an object of texts, numbers and booleans under names that are the sender's. */
  readonly type: 'string' | 'number' | 'boolean' | 'labels';
  readonly description: string;
  readonly unit?: string;
}

export interface EventTypeDeclaration {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly fields: readonly EventFieldDeclaration[];
}

/**
 * How one record of a foreign file becomes an event. `columns` names come from the format: the header of a CSV, the keys of
 * an NDJSON object, or for `combined-log` the fixed `client ident user time method path protocol status bytes referrer agent`.
 */
export interface ImportMapping {
  /** `<pack>.<name>`. */
  readonly key: string;
  readonly title: string;
  readonly format: 'csv' | 'ndjson' | 'combined-log';
  /** Of a CSV that parts its cells by something else than a comma, or has no header line: then what its columns are called. */
  readonly layout?: { readonly delimiter?: string; readonly columns?: readonly string[] };
  readonly eventType: string;
  /** In place of `eventType` for records whose cell in the column is one of these values. */
  readonly eventTypeBy?: { readonly column: string; readonly values: Readonly<Record<string, string>> };
  /** The CloudEvents `source` of the imported events. */
  readonly source: string;
  readonly time: {
    readonly column: string;
    /** `rfc3339`: offset required unless `assumeUtc`; a space for `T` and `/` for `-` in the date are accepted. `unix-s` and `unix-ms`: decimal text. `clf`: `17/May/2015:10:05:03 +0000`. */
    readonly format: 'rfc3339' | 'unix-s' | 'unix-ms' | 'clf';
    readonly assumeUtc?: boolean;
  };
  readonly subject?: string;
  /** Data fields from columns. An empty or `-` cell leaves the field out. */
  readonly fields: readonly {
    readonly field: FieldReference;
    readonly column: string;
    readonly type: 'string' | 'number' | 'boolean';
    /** What stands in the event for these cells; other cells stand for themselves. */
    readonly values?: Readonly<Record<string, string>>;
  }[];
  /** Data fields that `--set name=value` fills, each a string; required ones must be given. */
  readonly settable: readonly {
    readonly field: FieldReference;
    readonly name: string;
    readonly required: boolean;
  }[];
}

export interface RecorderField {
  /** The key of the posted object. */
  readonly from: string;
  readonly field: FieldReference;
  readonly type: EventFieldDeclaration['type'];
  readonly required: boolean;
  /** Of a string: the values there are. */
  readonly enum?: readonly string[];
  /** Of a string: the regular expression that it matches as a whole. */
  readonly pattern?: string;
}

/** How a flat JSON object posted to a typed recorder becomes an event of the pack. */
export interface Recorder {
  /** The last segment of `/api/v1/analytics/metrics/{name}`; null for that path without a last segment. */
  readonly name: string | null;
  readonly title: string;
  readonly eventType: string;
  /** From which key of the posted object each data field comes; all other keys are rejected. */
  readonly fields: readonly RecorderField[];
}

/**
 * Views: named questions as data. Each becomes an endpoint under `/api/v1/analytics/`, with its parameters and its answer in the
 * OpenAPI document; none has code of its own.
 */
import type { Role } from './api-key.ts';
import type { DistributionQuery, MetricSelection, Query } from './query.ts';

/**
 * In a string of a template, `{name}` stands for a parameter; a string that is nothing else takes the parameter's own type, and where it
 * is an item of a list, a parameter that is a list itself is spread. Whatever names an absent parameter is left out: the member of an
 * object whose value it is, the whole item of a list that holds it.
 */
export type Template<T> = T extends readonly (infer Item)[]
  ? readonly (Template<Item> | string)[]
  : T extends string
    ? string
    : T extends number | boolean
      ? T | string
      : T extends object
        ? { readonly [K in keyof T]: Template<T[K]> }
        : T;

export interface ViewParameter {
  readonly name: string;
  /** `filters`: a list of filter nodes, in the body of a POST alone. `instant` and `granularity` are those of a query. */
  readonly type:
    | 'string'
    | 'integer'
    | 'number'
    | 'instant'
    | 'granularity'
    | 'timeZone'
    | 'filters'
    | 'metrics';
  readonly description: string;
  readonly unit?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** Used when the parameter is absent. Without one, a parameter of the path or with `isRequired` must be given. */
  readonly default?: string | number;
  readonly isRequired?: true;
}

interface SectionCommon {
  /** Its member of the answer's `sections`: lower case, `_` between words. */
  readonly key: string;
  readonly title: string;
  readonly description?: string;
  /** The least role that sees it; to others the section is left out of the answer (and named in `omitted`). */
  readonly role?: Role;
}

/**
 * What a view answers, each section from ONE question to the engine.
 *
 * - `figures`: each metric's value over the whole range, with the change if the question compares.
 * - `series`: points by granularity.
 * - `table`: a row for each group, with the value of each metric (and its share of the total of the first metric).
 * - `trend`: points of one metric, their least, greatest, mean, standard deviation, and the direction.
 * - `distribution`: bins of one metric's values.
 * - `subject`: the attributes of one subject.
 * - `subjects`: attributes of the subjects of a kind, newest first.
 */
export type ViewSection = SectionCommon &
  (
    | { readonly kind: 'figures' | 'series' | 'table' | 'trend'; readonly query: Template<SectionQuery> }
    | { readonly kind: 'distribution'; readonly query: Template<SectionDistribution> }
    | {
        readonly kind: 'subject';
        readonly subject: string;
        readonly id: string;
        readonly attributes?: readonly string[];
      }
    | {
        readonly kind: 'subjects';
        readonly subject: string;
        readonly attributes?: readonly string[];
        readonly limit: number | string;
      }
  );

/** As `Query`; `from` and `to` may be left out on dashboards, whose reader chooses them. */
export interface SectionQuery extends Omit<Query, 'from' | 'to' | 'metrics'> {
  readonly metrics: readonly MetricSelection[];
  readonly from?: string;
  readonly to?: string;
}

/** As `DistributionQuery`, with the range left out as in `SectionQuery`. */
export interface SectionDistribution extends Omit<DistributionQuery, 'from' | 'to'> {
  readonly from?: string;
  readonly to?: string;
}

export interface ViewDeclaration {
  /** `<pack>.<name>`. */
  readonly key: string;
  readonly title: string;
  readonly description: string;
  /** Under `/api/v1/analytics/`; `{name}` is a parameter. No two views of all packs answer to the same path. */
  readonly path: string;
  /** A POST takes the parameters in a JSON body. */
  readonly methods: readonly ('GET' | 'POST')[];
  /** The least role that may ask; `viewer` when absent. */
  readonly role?: Role;
  readonly parameters: readonly ViewParameter[];
  /** The parameter that names a person: a viewer may ask for themselves alone. */
  readonly ownedBy?: string;
  /** Parameters of this name appear in the sections' questions. A section without `from` and `to` takes these (default `now-24h` to `now`). */
  readonly sections: readonly ViewSection[];
}

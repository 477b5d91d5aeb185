/** Parameters and filters that views of several packs share. */
import type { ViewParameter } from '@tidemark/core';

export const TIME_ZONE: ViewParameter = {
  name: 'timeZone',
  type: 'timeZone',
  description: 'In which days and months begin; an IANA name.',
  default: 'UTC',
};

/** `from` and `to`, half-open. */
export function range(from: string): readonly ViewParameter[] {
  return [
    {
      name: 'from',
      type: 'instant',
      description: 'Start of the range: RFC 3339, a date, or relative to now (`now-7d`, `now/d`).',
      default: from,
    },
    {
      name: 'to',
      type: 'instant',
      description: 'End of the range, itself not in it; written as `from`.',
      default: 'now',
    },
  ];
}

export function granularity(byDefault: string): ViewParameter {
  return {
    name: 'granularity',
    type: 'granularity',
    description: 'Width of the points of series.',
    default: byDefault,
  };
}

/** How many rows tables have. */
export function limit(byDefault: number, of: string): ViewParameter {
  return {
    name: 'limit',
    type: 'integer',
    description: `How many ${of} are listed; the others are counted in \`groupsOmitted\`.`,
    minimum: 1,
    maximum: 100,
    default: byDefault,
  };
}

export const COMPARE: ViewParameter = {
  name: 'compare',
  type: 'string',
  enum: ['previous_period', 'previous_year'],
  description:
    'Adds the same points of the range before, or of the same dates a year earlier, and the change.',
};

/** A parameter that narrows the answer to one value of a dimension; all values when it is absent. */
export function only(name: string, what: string): ViewParameter {
  return { name, type: 'string', description: `Only ${what}; all when absent.` };
}

/** The filter of a parameter declared by `only`, left out with it. */
export function equal(name: string): {
  readonly dimension: string;
  readonly op: 'eq';
  readonly value: string;
} {
  return { dimension: name, op: 'eq', value: `{${name}}` };
}

export const FILTERS: ViewParameter = {
  name: 'filters',
  type: 'filters',
  description:
    'Further conditions on the events and subjects counted, on dimensions that all metrics of the view share.',
};

/** Filters of a question: as JSON, and in a URL. */
import {
  AppError,
  conditionValueFault,
  type Fault,
  FILTER_OPERATORS,
  type FilterNode,
  type FilterOperator,
  type QueryFilter,
} from '@tidemark/core';
import Type from 'typebox';
import { Value } from 'typebox/value';
import { oneOf } from './shapes.ts';

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

const Condition = Type.Object(
  {
    dimension: Type.String(),
    op: oneOf(FILTER_OPERATORS, {
      description:
        '`gt gte lt lte` compare numbers, the others text. An absent value satisfies only `ne`, `nin` and `exists: false`',
    }),
    value: Type.Union([Scalar, Type.Array(Scalar)]),
  },
  { additionalProperties: false },
);

const Nested = Type.Ref('QueryFilter');
const joined = { additionalProperties: false } as const;

/** Itself at any depth; how deep and how many the query engine bounds. */
export const QueryFilterSchema = Type.Unsafe<FilterNode>(
  Type.Cyclic(
    {
      QueryFilter: Type.Union([
        Condition,
        Type.Object({ and: Type.Array(Nested, { minItems: 1, description: 'All must hold' }) }, joined),
        Type.Object({ or: Type.Array(Nested, { minItems: 1, description: 'One must hold' }) }, joined),
        Type.Object({ not: Nested }, joined),
      ]),
    },
    'QueryFilter',
  ),
);

export const FilterTextSchema = Type.String({
  description:
    '`<dimension>:<op>:<value>`; of `in` and `nin` the values are separated by commas. Or a filter as JSON: `{"or":[…]}`',
});

/** One or several of them, as a URL brings them. @throws invalid-query with every filter that cannot be read */
export function parseFilterTexts(filter: string | readonly string[] | undefined): FilterNode[] {
  const faults: Fault[] = [];
  const texts = filter === undefined ? [] : [filter].flat();
  const filters = texts.flatMap((text, index): FilterNode[] => {
    const parsed = parseFilterText(text);
    if (typeof parsed !== 'string') return [parsed];
    faults.push({ code: 'invalid-query', pointer: `/filter/${index}`, detail: parsed });
    return [];
  });
  if (faults.length === 0) return filters;
  throw new AppError('invalid-query', faults.map(({ detail }) => detail).join('; '), { faults });
}

/** What is wrong with it, when it cannot be read. */
function parseFilterText(text: string): FilterNode | string {
  if (text.startsWith('{')) return parseFilterJson(text);
  const [, dimension, op, rest] = /^([^:]+):([^:]+):([\s\S]*)$/.exec(text) ?? [];
  if (dimension === undefined || op === undefined || rest === undefined) {
    return `${JSON.stringify(text)} is not <dimension>:<op>:<value>`;
  }
  if (!isFilterOperator(op)) return `${JSON.stringify(op)} is none of ${FILTER_OPERATORS.join(', ')}`;
  const value = filterValue(op, rest);
  return conditionValueFault(op, value) ?? { dimension, op, value };
}

function parseFilterJson(text: string): FilterNode | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `${JSON.stringify(text)} begins as JSON but is none`;
  }
  if (Value.Check(QueryFilterSchema, value)) return value;
  const [fault] = Value.Errors(QueryFilterSchema, value).toSorted(
    (a, b) => b.instancePath.length - a.instancePath.length,
  );
  return `is no filter: at ${JSON.stringify(fault?.instancePath ?? '')} ${fault?.message ?? ''}`;
}

function isFilterOperator(text: string): text is FilterOperator {
  return (FILTER_OPERATORS as readonly string[]).includes(text);
}

function filterValue(op: FilterOperator, text: string): QueryFilter['value'] {
  switch (op) {
    case 'in':
    case 'nin':
      return text.split(',');
    case 'exists':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return text.trim() === '' ? text : Number(text);
    default:
      return text;
  }
}

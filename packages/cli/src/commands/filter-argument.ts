import type { QueryFilter } from '@tidemark/core';
import { usageFault } from '../fault.ts';

const FORMS =
  'dim=value, dim!=value, dim>n, dim>=n, dim<n, dim<=n, dim~part, "dim in a,b", "dim not in a,b", dim, !dim';
const LIST = /^([\w.]+)\s+(in|not in)\s+(.+)$/s;
const COMPARISON = /^([\w.]+)\s*(!=|>=|<=|=|>|<|~)\s*(.*)$/s;
const PRESENCE = /^(!?)([\w.]+)$/;

/** One `--filter`, in one of the forms above. @throws CliFault when it is none of them */
export function parseFilterArgument(text: string): QueryFilter {
  const list = LIST.exec(text);
  if (list !== null) {
    const [, dimension = '', operator, values = ''] = list;
    return {
      dimension,
      op: operator === 'in' ? 'in' : 'nin',
      value: values.split(',').map((part) => part.trim()),
    };
  }
  const comparison = COMPARISON.exec(text);
  if (comparison !== null) {
    const [, dimension = '', operator, value = ''] = comparison;
    switch (operator) {
      case '=':
        return { dimension, op: 'eq', value };
      case '!=':
        return { dimension, op: 'ne', value };
      case '~':
        return { dimension, op: 'contains', value };
      default:
        return { dimension, op: toOrder(operator), value: toNumber(value, text) };
    }
  }
  const presence = PRESENCE.exec(text);
  if (presence === null) throw usageFault(`--filter ${JSON.stringify(text)}: expected one of ${FORMS}`);
  const [, not, dimension = ''] = presence;
  return { dimension, op: 'exists', value: not === '' };
}

function toOrder(operator: string | undefined): 'gt' | 'gte' | 'lt' | 'lte' {
  if (operator === '>=') return 'gte';
  if (operator === '<=') return 'lte';
  return operator === '>' ? 'gt' : 'lt';
}

function toNumber(value: string, filter: string): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number)) return number;
  throw usageFault(`--filter ${JSON.stringify(filter)}: ${JSON.stringify(value)} is not a number`);
}

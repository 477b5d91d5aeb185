import type { FieldCondition } from './metric.ts';

/** What is wrong with the value of a condition, null when nothing is. Also the rule for filters of questions. */
export function conditionValueFault(op: FieldCondition['op'], value: FieldCondition['value']): string | null {
  const isList = Array.isArray(value);
  switch (op) {
    case 'in':
    case 'nin':
      return isList && value.length > 0 ? null : `${op} needs a list of at least one value`;
    case 'exists':
      return typeof value === 'boolean' ? null : 'exists needs true or false';
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return typeof value === 'number' && Number.isFinite(value) ? null : `${op} needs a number`;
    case 'contains':
      return typeof value === 'string' && value !== '' ? null : 'contains needs a text that is not empty';
    case 'eq':
    case 'ne':
      return isList ? `${op} needs one value; a list goes with in and nin` : null;
  }
}

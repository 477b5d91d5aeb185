import { describe, expect, it } from '@jest/globals';
import { conditionSql, SqlParameters } from './measure-sql.ts';

/** What a server takes, and what is left of it for quotes and escapes. */
const PARAMETER_BYTES_MAX = 128 * 1024;

describe('a condition over a list', () => {
  const values = Array.from({ length: 100 }, (_, index) => String(index).padEnd(4_096, '\\'));

  it.each(['in', 'nin'] as const)('is bound in parameters that a server takes: %s', (op) => {
    const parameters = new SqlParameters();
    const sql = conditionSql('text', { op, value: values }, parameters);
    const bound = Object.values(parameters.values) as readonly (readonly string[])[];
    expect(bound.flat()).toEqual(values);
    // Twice escaped, a backslash is four bytes.
    for (const list of bound) expect(list.join('').length * 4).toBeLessThan(PARAMETER_BYTES_MAX);
    const names = Object.keys(parameters.values).map((name) => `has({${name}:Array(String)}, text)`);
    expect(names.length).toBeGreaterThan(1);
    const any = `(${names.join(' OR ')})`;
    expect(sql).toBe(op === 'in' ? `(${any} AND text != '')` : `NOT ${any}`);
  });

  it('is one parameter when it fits', () => {
    const sql = conditionSql('text', { op: 'nin', value: ['a', 'b'] }, new SqlParameters());
    expect(sql).toBe('NOT has({p0:Array(String)}, text)');
  });
});

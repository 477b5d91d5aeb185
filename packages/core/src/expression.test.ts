import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluateExpression, metricsOf, parseExpression, toDecimal } from './expression.ts';

function evaluate(text: string, values: Record<string, string | null> = {}): string | null {
  const parsed = parseExpression(text);
  if (!parsed.ok) throw new Error(`${text} at ${parsed.position}: ${parsed.detail}`);
  const found = evaluateExpression(parsed.expression, (key) => {
    const value = values[key] ?? null;
    return value === null ? null : toDecimal(value);
  });
  return found === null ? null : found.toFixed();
}

describe('evaluateExpression', () => {
  it.each([
    ['1 + 2 * 3', '7'],
    ['(1 + 2) * 3', '9'],
    ['8 / 4 / 2', '1'],
    ['8 - 4 - 2', '2'],
    ['-2 * -3', '6'],
    ['--2', '2'],
    ['0.1 + 0.2', '0.3'],
    ['1e3 * 1e-3', '1'],
    ['a.x / b.y * 100', '25'],
    ['a.x-b.y', '-3'],
  ])('%s = %s', (text, value) => {
    expect(evaluate(text, { 'a.x': '1', 'b.y': '4' })).toBe(value);
  });

  it('gives null for a division by zero and for an absent operand, wherever it stands', () => {
    expect(evaluate('1 / 0')).toBeNull();
    expect(evaluate('1 + 1 / (a.x - a.x)', { 'a.x': '3' })).toBeNull();
    expect(evaluate('0 * a.x', { 'a.x': null })).toBeNull();
    expect(evaluate('-a.x')).toBeNull();
  });

  it('keeps the digits of money', () => {
    expect(evaluate('a.x * 3', { 'a.x': '123456789012345678901234.123456789012' })).toBe(
      '370370367037037036703702.370370367036',
    );
  });

  it('agrees with whole-number arithmetic, in any nesting', () => {
    interface Sample {
      readonly text: string;
      readonly value: bigint;
    }
    const apply = {
      '+': (a: bigint, b: bigint) => a + b,
      '-': (a: bigint, b: bigint) => a - b,
      '*': (a: bigint, b: bigint) => a * b,
    };
    const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
      sample: fc.oneof(
        { maxDepth: 4 },
        fc.nat(50).map((number): Sample => ({ text: String(number), value: BigInt(number) })),
        fc.tuple(tie('sample'), fc.constantFrom('+' as const, '-' as const, '*' as const), tie('sample')).map(
          ([a, operator, b]): Sample => ({
            text: `(${a.text} ${operator} ${b.text})`,
            value: apply[operator](a.value, b.value),
          }),
        ),
        tie('sample').map(({ text, value }): Sample => ({ text: `-${text}`, value: -value })),
      ),
    }));
    fc.assert(
      fc.property(sample, ({ text, value }) => {
        expect(BigInt(evaluate(text) ?? 'none')).toBe(value);
      }),
      { numRuns: 200 },
    );
  });
});

describe('parseExpression', () => {
  it.each([
    ['', 0, 'ends where'],
    ['1 +', 3, 'ends where'],
    ['1 2', 2, '"2"'],
    ['(1', 2, '")"'],
    ['1)', 1, '")" stands'],
    ['a.x ** 2', 5, '"*"'],
    ['a.x $ 2', 4, '"$"'],
    ['1.2.3', 0, 'number'],
    ['A.x', 0, '"A"'],
    [`${'('.repeat(60)}1${')'.repeat(60)}`, 51, 'levels of nesting'],
    ['1+'.repeat(600), 1000, 'longer than'],
  ])('refuses %j at character %i', (text, position, detail) => {
    const parsed = parseExpression(text);
    expect(parsed).toMatchObject({ ok: false, position });
    expect(parsed.ok ? '' : parsed.detail).toContain(detail);
  });

  it('names each metric once', () => {
    const parsed = parseExpression('b.y / (a.x + b.y)');
    expect(parsed.ok && metricsOf(parsed.expression)).toEqual(['b.y', 'a.x']);
  });
});

describe('seconds', () => {
  const perSecond = parseExpression('a.x / seconds');
  const evaluated = (seconds: number | null) =>
    perSecond.ok
      ? evaluateExpression(
          perSecond.expression,
          () => toDecimal(30),
          seconds === null ? null : toDecimal(seconds),
        )?.toNumber()
      : perSecond.detail;

  it('is the length of the bucket, no metric', () => {
    expect(perSecond.ok && metricsOf(perSecond.expression)).toEqual(['a.x']);
    expect(evaluated(60)).toBe(0.5);
  });

  it('is nothing before the bucket has begun', () => {
    expect(evaluated(null)).toBeUndefined();
  });
});

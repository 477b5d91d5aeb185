/**
 * Derived metrics: arithmetic over other metrics, in decimals. Grammar:
 *
 *     sum     = product { ("+" | "-") product }
 *     product = unary { ("*" | "/") unary }
 *     unary   = "-" unary | number | metric key | "seconds" | "(" sum ")"
 */
import { Decimal } from 'decimal.js';

export const EXPRESSION_LENGTH_MAX = 1_000;
export const EXPRESSION_DEPTH_MAX = 50;

/** 40 significant digits: a sum of 2^63 cents divided and multiplied still keeps every digit that is shown. */
const Arithmetic = Decimal.clone({
  precision: 40,
  rounding: Decimal.ROUND_HALF_EVEN,
  toExpNeg: -40,
  toExpPos: 60,
});

/** Text (`0.10`, `-3`, `1e-9`) to an exact decimal with this module's arithmetic. */
export function toDecimal(value: string | number | Decimal): Decimal {
  return new Arithmetic(value);
}

/** No metric is called so: keys have a dot. */
const SECONDS = 'seconds';

export type Operator = '+' | '-' | '*' | '/';

export type Expression =
  | { readonly kind: 'number'; readonly value: Decimal }
  | { readonly kind: 'metric'; readonly key: string; readonly position: number }
  /** The length of the bucket, as far as it has passed. */
  | { readonly kind: 'seconds' }
  | { readonly kind: 'negate'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

export type ParsedExpression =
  | { readonly ok: true; readonly expression: Expression }
  /** `position` counts characters from 0. */
  | { readonly ok: false; readonly position: number; readonly detail: string };

interface Token {
  readonly kind: 'number' | 'metric' | 'symbol' | 'end' | 'unknown';
  readonly text: string;
  readonly position: number;
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)(?![\w.])|([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)|([-+*/()])|(\S))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const scanner = new RegExp(TOKEN);
  for (let match = scanner.exec(text); match !== null; match = scanner.exec(text)) {
    const [, number, metric, symbol, unknown] = match;
    const found = number ?? metric ?? symbol ?? unknown ?? '';
    const kind = number ? 'number' : metric ? 'metric' : symbol ? 'symbol' : 'unknown';
    tokens.push({ kind, text: found, position: scanner.lastIndex - found.length });
  }
  tokens.push({ kind: 'end', text: '', position: text.length });
  return tokens;
}

class ExpressionFault extends Error {
  readonly position: number;

  constructor(token: Token, expected: string) {
    super(
      token.kind === 'end'
        ? `ends where ${expected} is expected`
        : `${JSON.stringify(token.text)} stands where ${expected} is expected`,
    );
    this.position = token.position;
  }
}

/** Never throws: a fault carries the position of the first token that does not fit. */
export function parseExpression(text: string): ParsedExpression {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    return {
      ok: false,
      position: EXPRESSION_LENGTH_MAX,
      detail: `is longer than ${EXPRESSION_LENGTH_MAX} characters`,
    };
  }
  const cursor = new Cursor(tokenize(text));
  try {
    const expression = parseSum(cursor, 0);
    if (cursor.current.kind !== 'end') throw new ExpressionFault(cursor.current, 'an operator or the end');
    return { ok: true, expression };
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    return { ok: false, position: error.position, detail: error.message };
  }
}

class Cursor {
  private index = 0;
  private readonly tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  get current(): Token {
    const token = this.tokens[this.index];
    if (token === undefined) throw new Error('Assertion failed: read past the end token');
    return token;
  }

  take(): Token {
    const token = this.current;
    if (token.kind !== 'end') this.index += 1;
    return token;
  }

  /** The symbol, if it is one of these; it is then taken. */
  takeSymbol(symbols: string): Operator | null {
    const { kind, text } = this.current;
    if (kind !== 'symbol' || !symbols.includes(text)) return null;
    this.take();
    return text as Operator;
  }
}

function parseSum(cursor: Cursor, depth: number): Expression {
  let left = parseProduct(cursor, depth);
  for (let operator = cursor.takeSymbol('+-'); operator !== null; operator = cursor.takeSymbol('+-')) {
    left = { kind: 'binary', operator, left, right: parseProduct(cursor, depth) };
  }
  return left;
}

function parseProduct(cursor: Cursor, depth: number): Expression {
  let left = parseUnary(cursor, depth);
  for (let operator = cursor.takeSymbol('*/'); operator !== null; operator = cursor.takeSymbol('*/')) {
    left = { kind: 'binary', operator, left, right: parseUnary(cursor, depth) };
  }
  return left;
}

function parseUnary(cursor: Cursor, depth: number): Expression {
  const token = cursor.take();
  if (depth > EXPRESSION_DEPTH_MAX) {
    throw new ExpressionFault(token, `at most ${EXPRESSION_DEPTH_MAX} levels of nesting`);
  }
  if (token.kind === 'number') return { kind: 'number', value: new Arithmetic(token.text) };
  if (token.kind === 'metric' && token.text === SECONDS) return { kind: 'seconds' };
  if (token.kind === 'metric') return { kind: 'metric', key: token.text, position: token.position };
  if (token.kind === 'symbol' && token.text === '-') {
    return { kind: 'negate', operand: parseUnary(cursor, depth + 1) };
  }
  if (token.kind === 'symbol' && token.text === '(') {
    const inner = parseSum(cursor, depth + 1);
    const closing = cursor.take();
    if (closing.text !== ')') throw new ExpressionFault(closing, '")"');
    return inner;
  }
  throw new ExpressionFault(token, 'a number, a metric key, seconds or "("');
}

/** Every metric key the expression names, once each, in order of appearance. */
export function metricsOf(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case 'number':
    case 'seconds':
      return [];
    case 'metric':
      return [expression.key];
    case 'negate':
      return metricsOf(expression.operand);
    case 'binary':
      return [...new Set([...metricsOf(expression.left), ...metricsOf(expression.right)])];
  }
}

/**
 * Null when an operand is absent or a divisor is zero: absence is never taken for zero.
 *
 * @param seconds the length of the bucket as far as it has passed; null when nothing of it has
 */
export function evaluateExpression(
  expression: Expression,
  valueOf: (metricKey: string) => Decimal | null,
  seconds: Decimal | null = null,
): Decimal | null {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'metric':
      return valueOf(expression.key);
    case 'seconds':
      return seconds;
    case 'negate':
      return evaluateExpression(expression.operand, valueOf, seconds)?.negated() ?? null;
    case 'binary': {
      const left = evaluateExpression(expression.left, valueOf, seconds);
      const right = evaluateExpression(expression.right, valueOf, seconds);
      return left === null || right === null ? null : applyOperator(expression.operator, left, right);
    }
  }
}

function applyOperator(operator: Operator, left: Decimal, right: Decimal): Decimal | null {
  switch (operator) {
    case '+':
      return left.plus(right);
    case '-':
      return left.minus(right);
    case '*':
      return left.times(right);
    case '/':
      return right.isZero() ? null : left.dividedBy(right);
  }
}

import type { SqlParameter } from './port.ts';

/** Tab-separated escapes, which the engine undoes on the text of every parameter. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\0': '\\0',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const ESCAPED = /[\\'\0\b\f\n\r\t]/g;

/**
 * The text of a parameter, as the HTTP interface takes it in `param_x=`: a top-level string bare, strings within arrays
 * quoted. `{ids: [1n, 2n]}` becomes `[1,2]`.
 */
export function formatSqlParameter(value: SqlParameter): string {
  if (value === null) return '\\N';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return formatElement(value);
}

function formatElement(value: SqlParameter): string {
  if (value === null) return 'NULL';
  switch (typeof value) {
    case 'string':
      return `'${escapeText(value)}'`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
    case 'number':
      return String(value);
    default:
      return `[${value.map(formatElement).join(',')}]`;
  }
}

function escapeText(text: string): string {
  return text.replace(ESCAPED, (character) => ESCAPES[character] ?? character);
}

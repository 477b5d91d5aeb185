import { assertThat } from './errors.ts';
import type { FilterNode } from './query.ts';

/** What a parameter of a view may hold; undefined when it was not given and has no default. */
export type ParameterValue = string | number | readonly string[] | readonly FilterNode[] | undefined;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

const WHOLE = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const PART = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Stands for a member whose parameter was not given. */
const ABSENT = Symbol('absent');

/** The names of parameters that the template mentions, once each. */
export function parametersOf(template: unknown): readonly string[] {
  const names = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part === 'string') for (const [, name = ''] of part.matchAll(PART)) names.add(name);
    else if (Array.isArray(part)) part.forEach(visit);
    else if (typeof part === 'object' && part !== null) Object.values(part).forEach(visit);
  };
  visit(template);
  return [...names];
}

/**
 * The template with its parameters filled in. A string that is one parameter takes its value and type, a list within a list is
 * spread; elsewhere the value stands as text. What needs a parameter that was not given is left out: the member of an object, and in
 * a list the whole object (a filter without its value is no filter).
 */
export function fillTemplate(template: unknown, values: ParameterValues): unknown {
  const filled = fill(template, values);
  assertThat(filled !== ABSENT, 'a template is more than one absent parameter');
  return filled;
}

function fill(template: unknown, values: ParameterValues): unknown {
  if (typeof template === 'string') return fillText(template, values);
  if (Array.isArray(template)) return template.flatMap((item: unknown) => fillItem(item, values));
  if (typeof template !== 'object' || template === null) return template;
  const members = Object.entries(template).map(([key, part]) => [key, fill(part, values)] as const);
  return Object.fromEntries(members.filter(([, part]) => part !== ABSENT));
}

function fillItem(item: unknown, values: ParameterValues): unknown[] {
  const filled = isComplete(item, values) ? fill(item, values) : ABSENT;
  if (filled === ABSENT) return [];
  return typeof item === 'string' && Array.isArray(filled) ? filled : [filled];
}

function isComplete(item: unknown, values: ParameterValues): boolean {
  if (typeof item !== 'object' || item === null) return true;
  return parametersOf(item).every((name) => values[name] !== undefined);
}

/** Lists stand as JSON where a text is asked for: nothing sensible can be meant by it, and nothing is hidden. */
function toText(value: ParameterValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function fillText(text: string, values: ParameterValues): unknown {
  const [, only] = WHOLE.exec(text) ?? [];
  if (only !== undefined) return values[only] ?? ABSENT;
  if (parametersOf(text).some((name) => values[name] === undefined)) return ABSENT;
  return text.replaceAll(PART, (_, name: string) => toText(values[name]));
}

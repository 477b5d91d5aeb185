/** JSON made from a schema: as it allows, at its bounds, or with mischief. */
import type { Random } from '../random.ts';
import { bombExpression, bombFilter, HOSTILE_TEXTS, hostileJson } from './hostile-values.ts';
import { type OpenApiDocument, resolveSchema, type Schema } from './operations.ts';

const DEPTH_MAX = 5;
const OPTIONAL_CHANCE = 0.35;
const KNOWN_WORD_CHANCE = 0.9;
/** No text is made longer than this to reach a bound. */
const TEXT_LENGTH_MAX = 2_000;
const PLAIN_KEYS = ['region', 'plan', 'high', 'k1'];
const SURPLUS_KEYS = [
  '__proto__',
  'constructor',
  'toJSON',
  'organization',
  'organizationId',
  'x'.repeat(300),
  '',
];

export interface JsonSource {
  readonly random: Random;
  readonly document: OpenApiDocument;
  /** Words that mean something under a name: metrics, instants, ids. */
  readonly wordsFor: (name: string) => readonly string[];
  /** How often a value is replaced by another that nobody expects, 0 to 1. */
  readonly mischief: number;
}

/** JSON text. @param name of the member it is for, or '' */
export function jsonOf(schema: Schema, source: JsonSource, name = '', depth = 0): string {
  const { random, mischief } = source;
  if (random.chance(depth === 0 ? mischief / 10 : mischief)) return hostileFor(name, random);
  const resolved = resolveSchema(schema, source.document);
  const choices = resolved.anyOf ?? resolved.oneOf;
  if (choices !== undefined) return jsonOf(random.pick(choices), source, name, depth);
  if (resolved.const !== undefined) return JSON.stringify(resolved.const);
  if (resolved.enum !== undefined) return JSON.stringify(random.pick(resolved.enum));
  switch (resolved.type) {
    case 'object':
      return objectOf(resolved, source, depth);
    case 'array':
      return arrayOf(resolved, source, name, depth);
    case 'integer':
    case 'number':
      return JSON.stringify(numberOf(resolved, random));
    case 'boolean':
      return String(random.chance(0.5));
    case 'null':
      return 'null';
    case 'string':
      return JSON.stringify(textOf(resolved, source, name));
    default:
      return hostileJson(random);
  }
}

function hostileFor(name: string, random: Random): string {
  if (name === 'expression' && random.chance(0.5)) return JSON.stringify(bombExpression(random));
  if ((name === 'filters' || name === 'filter') && random.chance(0.5)) return `[${bombFilter(random)}]`;
  return hostileJson(random);
}

function objectOf(schema: Schema, source: JsonSource, depth: number): string {
  const { random, mischief } = source;
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const isWanted = required.has(name)
      ? !random.chance(mischief / 3)
      : depth < DEPTH_MAX && random.chance(OPTIONAL_CHANCE);
    return isWanted ? [`${JSON.stringify(name)}:${jsonOf(property, source, name, depth + 1)}`] : [];
  });
  const { additionalProperties, properties } = schema;
  // Beside members of its own, surplus ones are mischief; of a map they are all there is.
  const isMap = properties === undefined || random.chance(mischief);
  if (typeof additionalProperties === 'object' && isMap && depth < DEPTH_MAX) {
    const key = random.pick(random.chance(KNOWN_WORD_CHANCE) ? PLAIN_KEYS : HOSTILE_TEXTS);
    members.push(`${JSON.stringify(key)}:${jsonOf(additionalProperties, source, key, depth + 1)}`);
  }
  if (random.chance(mischief / 2))
    members.push(`${JSON.stringify(random.pick(SURPLUS_KEYS))}:${hostileJson(random)}`);
  return `{${members.join(',')}}`;
}

function arrayOf(schema: Schema, source: JsonSource, name: string, depth: number): string {
  const { random } = source;
  const { minItems = 0, maxItems = 8, items = {} } = schema;
  const count = depth >= DEPTH_MAX ? minItems : pickLength(minItems, Math.min(maxItems, 20), random);
  return `[${Array.from({ length: count }, () => jsonOf(items, source, name, depth + 1)).join(',')}]`;
}

/** Mostly few; sometimes none or all that there may be. */
function pickLength(min: number, max: number, random: Random): number {
  const draw = random.next();
  if (draw < 0.1) return min;
  if (draw < 0.2) return max;
  return random.integer(min, Math.max(min, Math.min(max, min + 2)));
}

function numberOf({ type, minimum, maximum }: Schema, random: Random): number {
  const low = minimum ?? -1_000;
  const high = maximum ?? 1_000_000;
  const value = random.pick([low, high, 0, 1, 10, low + (high - low) * random.next()]);
  const within = Math.min(high, Math.max(low, value));
  return type === 'integer' ? Math.round(within) : within;
}

function textOf({ format, minLength = 0, maxLength = 64 }: Schema, source: JsonSource, name: string): string {
  const { random } = source;
  const words = source.wordsFor(name);
  if (words.length > 0 && random.chance(KNOWN_WORD_CHANCE)) return random.pick(words);
  if (format === 'date-time') return random.pick(source.wordsFor('instant'));
  if (random.chance(0.3)) return random.pick(HOSTILE_TEXTS);
  return 'y'.repeat(Math.min(TEXT_LENGTH_MAX, pickLength(minLength, maxLength, random)));
}

/** The text of one query or path parameter, not encoded yet. */
export function parameterText(schema: Schema, source: JsonSource, name: string): string {
  const json = jsonOf(schema, source, name, 1);
  if (!json.startsWith('"')) return json;
  return JSON.parse(json) as string;
}

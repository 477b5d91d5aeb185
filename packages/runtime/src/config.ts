/**
 * Configuration comes from the environment, once, through here. A service declares its fields; `readConfig` reports every fault
 * at once and refuses `TIDEMARK_` names that nobody declared, because a misspelt limit is a limit that is not there.
 */
import { AppError, DEFAULT_ALLOWED_LATENESS_MS, type Fault } from '@tidemark/core';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { ConfigField } from './config-field.ts';
import { JWT_ISSUERS_FIELD } from './jwt-issuers.ts';
import { LOG_LEVELS, type LogLevel } from './logger.ts';
import { Secret } from './secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

interface FieldOptions<T> {
  readonly description: string;
  readonly fallback?: T;
}

const asNumber = (value: unknown) => value as number;
const asText = (value: unknown) => value as string;
/** Left as text when it is none, so that the schema's message shows what was found. */
const numberFromText = (text: string): unknown => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text);

export function envInteger(
  name: string,
  options: FieldOptions<number> & { readonly minimum: number; readonly maximum: number },
): ConfigField<number> {
  const { minimum, maximum, ...rest } = options;
  return {
    name,
    ...rest,
    schema: Type.Integer({ minimum, maximum }),
    fromText: numberFromText,
    finish: asNumber,
  };
}

/** 0 asks the system for a free port. */
export function envPort(name: string, options: FieldOptions<number>): ConfigField<number> {
  return envInteger(name, { ...options, minimum: 0, maximum: 65_535 });
}

export function envText(
  name: string,
  options: FieldOptions<string> & { readonly pattern?: string },
): ConfigField<string> {
  const { pattern, ...rest } = options;
  const schema = Type.String({ minLength: 1, ...(pattern === undefined ? {} : { pattern }) });
  return { name, ...rest, schema, fromText: (text) => text, finish: asText };
}

/** For everything that must never be shown: passwords, and URLs that may hold one. */
export function envSecret(
  name: string,
  options: FieldOptions<Secret> & { readonly pattern?: string },
): ConfigField<Secret> {
  const { pattern, ...rest } = options;
  const schema = Type.String({ minLength: 1, ...(pattern === undefined ? {} : { pattern }) });
  return { name, ...rest, schema, fromText: (text) => text, finish: (value) => new Secret(value as string) };
}

/** Comma-separated, blanks around the items dropped. */
export function envList(
  name: string,
  options: FieldOptions<readonly string[]>,
): ConfigField<readonly string[]> {
  const schema = Type.Array(Type.String({ minLength: 1 }), { minItems: 1 });
  const fromText = (text: string) => text.split(',').map((item) => item.trim());
  return { name, ...options, schema, fromText, finish: (value) => value as readonly string[] };
}

export function envChoice<const C extends string>(
  name: string,
  choices: readonly C[],
  options: FieldOptions<C>,
): ConfigField<C> {
  const schema = Type.Union(choices.map((choice) => Type.Literal(choice)));
  return { name, ...options, schema, fromText: (text) => text, finish: (value) => value as C };
}

export function envBoolean(name: string, options: FieldOptions<boolean>): ConfigField<boolean> {
  const fromText = (text: string) => (text === 'true' ? true : text === 'false' ? false : text);
  return { name, ...options, schema: Type.Boolean(), fromText, finish: (value) => value === true };
}

/** The variable may be absent: then the service gets null. */
export function envOptional<T>(field: ConfigField<T>): ConfigField<T | null> {
  return { ...field, fallback: null };
}

/** What several services read under one name. A service takes those it uses; their names are known to all. */
export const SHARED_FIELDS = {
  logLevel: envChoice<LogLevel>('TIDEMARK_LOG_LEVEL', LOG_LEVELS, {
    description: 'The least severe level that is logged',
    fallback: 'info',
  }),
  kafkaBrokers: envList('TIDEMARK_KAFKA_BROKERS', { description: 'host:port of the brokers to begin with' }),
  eventsPartitions: envInteger('TIDEMARK_EVENTS_PARTITIONS', {
    description: 'Partitions of each topic; never changed once the topics exist',
    minimum: 1,
    maximum: 1_000,
    fallback: 6,
  }),
  postgresUrl: envSecret('TIDEMARK_POSTGRES_URL', {
    description: 'postgres://user:password@host:port/database',
    pattern: '^postgres(ql)?://',
  }),
  redisUrl: envSecret('TIDEMARK_REDIS_URL', {
    description: 'redis://[user:password@]host:port[/database]',
    pattern: '^rediss?://',
  }),
  clickhouseUrl: envSecret('TIDEMARK_CLICKHOUSE_URL', {
    description: 'http(s)://user:password@host:port/database',
    pattern: '^https?://',
  }),
  bootstrapKey: envOptional(
    envSecret('TIDEMARK_BOOTSTRAP_KEY', {
      description: 'An admin key (tm_…) of the organization `default`, created when it does not exist',
      pattern: '^tm_',
    }),
  ),
  jwtIssuers: JWT_ISSUERS_FIELD,
  allowedLatenessMs: envInteger('TIDEMARK_ALLOWED_LATENESS_MS', {
    description: 'How long after its end a bucket waits for events that are on their way',
    minimum: 0,
    maximum: 3_600_000,
    fallback: DEFAULT_ALLOWED_LATENESS_MS,
  }),
} as const;

/** Whose own variables are passed over when another service reads the same environment. */
const SERVICE_PREFIXES = [
  'INGEST',
  'AGGREGATOR',
  'INSIGHTS',
  'REPORTS',
  'GATEWAY',
  'STANDALONE',
  'CLI',
  'TEST',
  'BENCH',
];

/** What the command `tidemark` reads: a shell that exports them for it may start a service as well. */
const COMMAND_NAMES = ['TIDEMARK_URL', 'TIDEMARK_INGEST_URL', 'TIDEMARK_API_KEY'];

export type ConfigValues<F extends Readonly<Record<string, ConfigField<unknown>>>> = {
  readonly [K in keyof F]: F[K] extends ConfigField<infer T> ? T : never;
};

export interface ConfigOptions<F extends Readonly<Record<string, ConfigField<unknown>>>> {
  /** `ingest`: names that begin with `TIDEMARK_INGEST_` belong to it alone. */
  readonly service: string;
  readonly fields: F;
  readonly environment: Environment;
}

/** @throws invalid-config with one fault per variable; values are quoted only where they are no secrets */
export function readConfig<F extends Readonly<Record<string, ConfigField<unknown>>>>(
  options: ConfigOptions<F>,
): ConfigValues<F> {
  const { fields, environment } = options;
  const faults: Fault[] = unknownNames(options);
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields)) {
    const text = environment[field.name];
    if (text === undefined || text === '') {
      if (field.fallback !== undefined) values[key] = field.fallback;
      else faults.push(fault(field.name, `is required: ${field.description}`));
      continue;
    }
    const candidate = field.fromText(text);
    const found = valueFaults(field, candidate);
    if (found.length === 0) values[key] = field.finish(candidate);
    else faults.push(...found);
  }
  if (faults.length === 0) return values as ConfigValues<F>;
  const lines = faults.map(({ pointer, detail }) => `  ${pointer.slice(1)} ${detail}`);
  throw new AppError('invalid-config', `${options.service} cannot start:\n${lines.join('\n')}`, { faults });
}

function valueFaults(field: ConfigField<unknown>, candidate: unknown): Fault[] {
  const ofSchema = Compile(field.schema)
    .Errors(candidate)
    // The false schema behind `additionalProperties: false`, told at the parent.
    .filter(({ keyword }) => keyword !== 'boolean')
    .map(({ keyword, instancePath, message, params }) => {
      const names = keyword === 'additionalProperties' ? ` (${String(params.additionalProperties)})` : '';
      return { pointer: instancePath, detail: `${message}${names}` };
    });
  return [...ofSchema, ...(field.faultsOf?.(candidate) ?? [])].map(({ pointer, detail }) => {
    const where = pointer === '' ? '' : `${pointer} `;
    return fault(field.name, `${where}${detail}: ${field.description}`);
  });
}

function unknownNames(options: ConfigOptions<Readonly<Record<string, ConfigField<unknown>>>>): Fault[] {
  const fields = [...Object.values(options.fields), ...Object.values(SHARED_FIELDS)];
  const known = new Set([...fields.map(({ name }) => name), ...COMMAND_NAMES]);
  const own = options.service.toUpperCase().replaceAll('-', '_');
  const others = SERVICE_PREFIXES.filter((prefix) => prefix !== own).map((prefix) => `TIDEMARK_${prefix}_`);
  return Object.keys(options.environment)
    .filter((name) => name.startsWith('TIDEMARK_') && !known.has(name))
    .filter((name) => !others.some((prefix) => name.startsWith(prefix)))
    .toSorted()
    .map((name) => fault(name, 'is not a variable of this service'));
}

function fault(name: string, detail: string): Fault {
  return { code: 'invalid-config', pointer: `/${name}`, detail };
}

/** Which request comes next: an operation, who asks, and what is wrong with it. It depends on the seed alone. */
import type { Random } from '../random.ts';
import { type BodyAttack, bodyFor } from './bodies.ts';
import { HEADER_ATTACKS, headersFor } from './headers.ts';
import { HOSTILE_TEXTS } from './hostile-values.ts';
import type { OpenApiDocument, Operation } from './operations.ts';
import type { RawRequest } from './raw-http.ts';
import { type JsonSource, parameterText } from './schema-values.ts';
import { encodeHostile, encodeText, targetTricks } from './targets.ts';
import type { Caller, World } from './world.ts';

const MISCHIEF = 0.2;
/** Of the requests; the others break something else and are otherwise as the schema has it. */
const VALID_SHARE = 0.25;
/** Views ask a dozen questions each. What breaks something else than their parameters would only have them do their work. */
const COSTLY =
  /^\/api\/v1\/(?:analytics|subjects)\/(?!metrics$|metrics\/\{recorder\}$|cache$|refresh-cache$)/;
const COSTLY_VALID_SHARE = 0.06;
const COSTLY_MISCHIEF = 0.5;
const OPERATIONS_OF_OPERATOR = '/api/v1/organizations';
const METHODS = ['TRACE', 'OPTIONS', 'HEAD', 'PROPFIND', 'PATCH', 'DELETE', 'PUT', 'POST', 'CONNECT', 'GETX'];

const ATTACKS = [
  'values',
  'values',
  'values',
  'body',
  'body',
  'body',
  'parameters',
  'parameters',
  'target',
  'headers',
  'method',
] as const;

export interface PlannedRequest extends RawRequest {
  readonly operation: string;
  readonly caller: Caller;
  readonly attack: string;
}

export interface PlanOptions {
  /** See `turnsOf`. */
  readonly turns: readonly Operation[];
  readonly document: OpenApiDocument;
  readonly world: World;
}

/** The doors through which most comes and goes have more turns than the others. */
const DOORS =
  /^(?:POST \/api\/v1\/(?:events|query|query\/distribution|query\/export|analytics\/metrics|dead-letters\/replay)|GET \/api\/v1\/metrics\/\{key\}\/series|PUT \/api\/v1\/metrics\/\{key\})$/;
const DOOR_TURNS = 6;

/** In the order of the document, the doors several times. */
export function turnsOf(operations: readonly Operation[]): readonly Operation[] {
  return operations.flatMap((operation) =>
    Array.from({ length: DOORS.test(operation.name) ? DOOR_TURNS : 1 }, () => operation),
  );
}

/** @param serial picks the operation, so that every one has its turn */
export function planRequest(serial: number, random: Random, options: PlanOptions): PlannedRequest {
  const { turns, world } = options;
  const operation = turns[serial % turns.length];
  if (operation === undefined) throw new Error('the document has no operations');
  const caller = pickCaller(operation, random, world);
  const isCostly = COSTLY.test(operation.path);
  const kind = pickKind(operation, isCostly, random);
  const source: JsonSource = {
    random,
    document: options.document,
    wordsFor: (name) => world.wordsFor(name, caller),
    mischief: mischiefOf(kind, isCostly),
  };
  const body = bodyFor(operation, kind === 'body', source);
  const parameters = queryOf(operation, kind === 'parameters', source);
  const target = `${pathOf(operation, kind, source, caller, world)}${parameters}`;
  const headerAttack = kind === 'headers' ? random.pick(HEADER_ATTACKS) : null;
  const method = kind === 'method' && caller !== world.operator ? random.pick(METHODS) : operation.method;
  return {
    operation: operation.name,
    caller,
    attack: nameOf(kind, body, headerAttack),
    method,
    target: kind === 'target' ? targetTricks(target, random) : target,
    headers: [
      ...(caller.key === null ? [] : [['Authorization', `Bearer ${caller.key}`] as const]),
      ...(body?.headers ?? []),
      ...(headerAttack === null ? [] : headersFor(headerAttack, random)),
    ],
    body: body?.bytes ?? null,
  };
}

type Kind = (typeof ATTACKS)[number] | 'valid';

function pickKind({ bodies }: Operation, isCostly: boolean, random: Random): Kind {
  if (!isCostly) return random.chance(VALID_SHARE) ? 'valid' : random.pick(ATTACKS);
  if (random.chance(COSTLY_VALID_SHARE)) return 'valid';
  // Now and then all the same: every route has its own way of reading.
  if (random.chance(COSTLY_VALID_SHARE)) return random.pick(ATTACKS);
  return bodies.length > 0 ? random.pick(['values', 'body']) : 'parameters';
}

function mischiefOf(kind: Kind, isCostly: boolean): number {
  if (isCostly && kind !== 'valid') return COSTLY_MISCHIEF;
  return kind === 'values' ? MISCHIEF : 0;
}

function nameOf(kind: string, body: BodyAttack | null, headerAttack: string | null): string {
  if (kind === 'body' && body !== null) return `body: ${body.name}`;
  return headerAttack === null ? kind : `headers: ${headerAttack}`;
}

const SENDING = /^POST \/api\/v1\/(?:events|analytics\/metrics)/;

function pickCaller(operation: Operation, random: Random, world: World): Caller {
  if (operation.path.startsWith(OPERATIONS_OF_OPERATOR) && random.chance(0.4)) return world.operator;
  const draw = random.next();
  const tenant = random.pick(world.attacked);
  if (draw < 0.62) return tenant.admin;
  if (draw < 0.9) return SENDING.test(operation.name) === draw < 0.8 ? tenant.producer : tenant.viewer;
  return random.pick(world.strangers);
}

function pathOf(operation: Operation, kind: Kind, source: JsonSource, caller: Caller, world: World): string {
  const { random } = source;
  return operation.path.replace(/\{([^}]+)\}/g, (_all, name: string) => {
    if (caller === world.operator) return encodeURIComponent(random.pick(world.victims));
    const ids = world.idsFor(operation.path, name);
    const isHostile = kind === 'parameters' || kind === 'target' || kind === 'values';
    const text =
      ids.length > 0 && !(isHostile && random.chance(0.5)) ? random.pick(ids) : random.pick(HOSTILE_TEXTS);
    return isHostile ? encodeHostile(text, random) : encodeText(text);
  });
}

function queryOf(operation: Operation, isHostile: boolean, source: JsonSource): string {
  const { random } = source;
  const parts = operation.parameters.flatMap((parameter) => {
    if (parameter.in !== 'query') return [];
    if (parameter.required !== true && !random.chance(isHostile ? 0.7 : 0.4)) return [];
    const made = (): string =>
      isHostile && random.chance(0.7)
        ? random.pick(HOSTILE_TEXTS)
        : parameterText(parameter.schema ?? {}, source, parameter.name);
    const pair = (): string =>
      `${parameter.name}=${isHostile ? encodeHostile(made(), random) : encodeText(made())}`;
    return isHostile && random.chance(0.2) ? [pair(), pair()] : [pair()];
  });
  if (isHostile && (parts.length === 0 || random.chance(0.3)))
    parts.push(
      random.pick(['__proto__[x]=1', 'constructor=1', 'a[]=1&a[]=2', '=', '&&&', 'x'.repeat(3_000), '%']),
    );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

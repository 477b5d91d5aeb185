/** Who is attacked, who stands by, what each of them has, and the words and ids that requests are made of. */
import { createHash } from 'node:crypto';
import { parseApiKey } from '@tidemark/runtime';
import { type JsonCalls, textOf } from './json-calls.ts';
import type { TenantSeed } from './seed.ts';

export interface Caller {
  /** `admin of fz-a` */
  readonly name: string;
  /** Whose data it may see; null when it may see nothing, or (the operator) administers all. */
  readonly organization: string | null;
  /** Null: it sends no credential. */
  readonly key: string | null;
}

export interface Tenant {
  readonly id: string;
  /** In every text this organization has, and nowhere else. */
  readonly canary: string;
  readonly admin: Caller;
  readonly viewer: Caller;
  readonly producer: Caller;
  readonly seed: TenantSeed;
  /** Path -> ids of things that may be lost. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
}

export interface World {
  readonly attacked: readonly Tenant[];
  /** Nothing is ever sent in its name but good questions. */
  readonly bystander: Tenant;
  readonly operator: Caller;
  /** No key, a made-up, a revoked and an expired one. */
  readonly strangers: readonly Caller[];
  /** Organizations that exist to be changed and disabled: the only ones the operator's requests name in a path. */
  readonly victims: readonly string[];
  /** Texts no answer may hold, whoever asks. */
  readonly secrets: readonly string[];
  wordsFor(name: string, caller: Caller): readonly string[];
  idsFor(path: string, parameter: string): readonly string[];
}

/** The secret part of a key and what is stored of it. */
export function secretsOf(key: string): readonly string[] {
  const secret = parseApiKey(key)?.secret;
  if (secret === undefined) throw new Error('this is no API key');
  return [secret, createHash('sha256').update(secret).digest('hex')];
}

const INSTANTS = [
  '2026-01-01T00:00:00Z',
  '2026-12-31T23:59:59.999999999Z',
  '2027-06-01T12:00:00+05:45',
  '1970-01-01T00:00:00Z',
];
const PAST = ['2026-11-20T00:00:00Z', '2026-01-01T05:30:00.123456789+05:30', '1999-12-31T23:59:59Z'];
const IDS = Array.from({ length: 2_000 }, (_, index) => `id-${index}`);
const RANGE_STARTS = [
  'now-24h',
  'now-7d',
  'now-30d',
  'now-1h',
  'now-1M/M',
  '2026-01-01',
  'now-1y',
  '1970-01-01',
];
const RANGE_ENDS = ['now', 'now+1h', 'now/h', 'now/d', '2027-01-01', '2999-01-01'];
const DIMENSIONS = [
  'service',
  'model',
  'user',
  'path',
  'status',
  'method',
  'priority',
  'data.service',
  'subject',
];
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Pacific/Apia',
  'Australia/Lord_Howe',
];
const EVENT_TYPES = ['http.request', 'llm.request', 'ticket.created', 'x', 'tidemark.measurement'];
const ROLES = ['viewer', 'admin', 'producer'];

/** @param catalogue keys of metrics and packs */
export function createWords(catalogue: {
  readonly metrics: readonly string[];
  readonly packs: readonly string[];
}): (name: string, caller: Caller) => readonly string[] {
  const words = new Map<string, readonly string[]>([
    ['metrics', catalogue.metrics],
    ['metric', catalogue.metrics],
    ['enabledPacks', catalogue.packs],
    ['from', RANGE_STARTS],
    ['to', RANGE_ENDS],
    ['instant', INSTANTS],
    ['time', PAST],
    ['dimension', DIMENSIONS],
    ['groupBy', DIMENSIONS],
    ['group_by', DIMENSIONS],
    ['dimensions', DIMENSIONS],
    ['field', ['data.service', 'data.tokens', 'subject', 'source', 'type', 'data.a.b.c']],
    ['id', IDS],
    ['name', ['queue.size', 'jobs_done', 'plain']],
    ['as', ['x', 'a name', 'y_1']],
    ['value', ['data.duration_ms', 'data.prompt_tokens', 'x', '200']],
    [
      'filter',
      ['service:eq:x', 'status:gte:400', 'user:contains:a', 'service:in:a,b', 'service:exists:true', 'x'],
    ],
    ['timeZone', ZONES],
    ['specversion', ['1.0']],
    ['type', EVENT_TYPES],
    ['eventTypes', EVENT_TYPES],
    ['source', ['/fuzz', 'urn:fuzz', 'https://fuzz.example/a?b=c']],
    ['expression', ['http.requests / seconds', 'llm.requests + http.requests', '1 - http.error_rate', '2']],
    ['role', ROLES],
    ['email', ['a@b.example']],
    ['pattern', ['*', 'http.*', 'llm.*']],
    ['wait', ['stored', 'visible']],
    ['timeout', ['1', '2']],
    ['format', ['csv', 'json', 'ndjson']],
  ]);
  return (name, caller) => {
    // Only victims are made by, and named to, the operator.
    if (name === 'id' && caller.organization === null) return ['fz-victim-2', 'fz-victim-3'];
    return words.get(name) ?? [];
  };
}

/** Ids of what an attacked organization has, made so that it may be lost. They are sent in others' names too: none holds the canary. */
export async function makeBelongings(
  calls: JsonCalls,
  key: string,
  canary: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const users: string[] = [];
  const name = createHash('sha256').update(canary).digest('hex').slice(0, 12);
  const keys: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    const id = `user-${name}-${index}`;
    const body = { id, name: `name ${canary}`, email: `${canary}@example.org`, role: 'admin' };
    await calls.send('POST', '/api/v1/users', key, body);
    users.push(id);
    const made = await calls.send('POST', '/api/v1/api-keys', key, {
      name: `key ${canary}`,
      role: 'viewer',
      user: id,
    });
    keys.push(textOf(made, 'id'));
  }
  const metric = `own.m${name}`;
  await calls.send('PUT', `/api/v1/metrics/${metric}`, key, {
    kind: 'base',
    title: `title ${canary}`,
    description: `of ${canary}`,
    unit: 'ms',
    direction: 'neutral',
    eventTypes: [`fuzz.${canary}`],
    value: 'data.ms',
    aggregation: 'sum',
    dimensions: [],
  });
  return new Map([
    ['/api/v1/users', users],
    ['/api/v1/api-keys', keys],
    ['/api/v1/metrics', [metric]],
  ]);
}

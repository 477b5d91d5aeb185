/** Makes the organizations of a run, in the product that is attacked. */
import { randomBytes } from 'node:crypto';
import { mintApiKey } from '@tidemark/runtime';
import { createJsonCalls, type JsonObject, textOf, textsOf } from './json-calls.ts';
import { seedTenant } from './seed.ts';
import type { HostileTarget } from './target.ts';
import { type Caller, createWords, makeBelongings, secretsOf, type Tenant, type World } from './world.ts';

const CANARY_BYTES = 8;
const EXPIRES_AFTER_MS = 1_500;
const VICTIMS = 2;

export interface SetupOptions {
  readonly target: HostileTarget;
  readonly seedEvents: number;
  readonly nowMs: () => number;
}

/** @throws Error when the product does not do what is asked */
export async function setUpWorld({ target, seedEvents, nowMs }: SetupOptions): Promise<World> {
  const { operatorKey } = target;
  const gateway = createJsonCalls(target.gatewayUrl);
  const ingest = createJsonCalls(target.ingestUrl);
  const run = randomBytes(3).toString('hex');
  const secrets = [...secretsOf(operatorKey)];

  async function createKey(admin: string, body: JsonObject): Promise<{ id: string; key: string }> {
    const made = await gateway.send('POST', '/api/v1/api-keys', admin, body);
    const key = textOf(made, 'key');
    secrets.push(...secretsOf(key));
    return { id: textOf(made, 'id'), key };
  }

  async function createOrganization(id: string): Promise<string> {
    const made = await gateway.send('POST', '/api/v1/organizations', operatorKey, { id, name: id });
    const key = textOf(made['apiKey'] as JsonObject, 'key');
    secrets.push(...secretsOf(key));
    return key;
  }

  async function createTenant(name: string): Promise<Tenant> {
    const id = `fz-${name}-${run}`;
    const canary = `canary${name}${randomBytes(CANARY_BYTES).toString('hex')}`;
    const admin = await createOrganization(id);
    const viewer = await createKey(admin, { name: `viewer ${canary}`, role: 'viewer' });
    const producer = await createKey(admin, { name: `producer ${canary}`, role: 'producer' });
    const belongings = await makeBelongings(gateway, admin, canary);
    const seed = await seedTenant(ingest, { key: admin, canary, events: seedEvents, nowMs: nowMs() });
    const letters = await gateway.send('GET', '/api/v1/dead-letters', admin);
    const ids = new Map([...belongings, ['/api/v1/dead-letters', textsOf(letters, 'deadLetters', 'id')]]);
    const caller = (role: string, key: string): Caller => ({
      name: `${role} of ${name}`,
      organization: id,
      key,
    });
    return {
      id,
      canary,
      admin: caller('admin', admin),
      viewer: caller('viewer', viewer.key),
      producer: caller('producer', producer.key),
      seed,
      ids,
    };
  }

  const [a, b, bystander] = [
    await createTenant('a'),
    await createTenant('b'),
    await createTenant('bystander'),
  ];
  const admin = a.admin.key ?? '';
  const revoked = await createKey(admin, { name: 'revoked', role: 'admin' });
  await gateway.send('DELETE', `/api/v1/api-keys/${revoked.id}`, admin);
  const expiresAt = new Date(nowMs() + EXPIRES_AFTER_MS).toISOString();
  const expired = await createKey(admin, { name: 'expired', role: 'admin', expiresAt });
  const victims = Array.from({ length: VICTIMS }, (_, index) => `fz-victim-${index}-${run}`);
  for (const victim of victims) await createOrganization(victim);

  const metrics = textsOf(await gateway.send('GET', '/api/v1/metrics', admin), 'metrics', 'key');
  const packs = textsOf(await gateway.send('GET', '/api/v1/packs', admin), 'packs', 'key');
  const stranger = (name: string, key: string | null): Caller => ({ name, organization: null, key });
  const all = [a, b, bystander];
  return {
    attacked: [a, b],
    bystander,
    operator: stranger('operator', operatorKey),
    strangers: [
      stranger('nobody', null),
      stranger('a made-up key', mintApiKey(randomBytes).key),
      stranger('a revoked key', revoked.key),
      stranger('an expired key', expired.key),
    ],
    victims,
    secrets,
    wordsFor: createWords({ metrics, packs }),
    idsFor: (path, parameter) => {
      if (path.startsWith('/api/v1/organizations')) return all.map(({ id }) => id);
      if (path.startsWith('/api/v1/packs')) return packs;
      const own = all.flatMap(({ ids }) =>
        [...ids].flatMap(([prefix, known]) => (path.startsWith(prefix) ? known : [])),
      );
      if (path.startsWith('/api/v1/metrics')) return [...metrics.slice(0, 40), ...own];
      return parameter === 'metric' || parameter === 'name' ? ['tickets', 'requests', 'tokens', ...own] : own;
    },
  };
}

/** A gateway of the operator over the embedded catalog, for tests of administration. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPgliteCatalog } from '@tidemark/catalog';
import type { Catalog } from '@tidemark/catalog';
import { DEFAULT_ORGANIZATION } from './app/bootstrap.ts';
import { callAs } from './test-calls.ts';
import type { TestAnswer, TestMethod } from './test-calls.ts';
import { createTestGateway, NOW_MS } from './testing.ts';
import type { TestGateway } from './testing.ts';

/** Starting the embedded Postgres for the first time takes long on a busy machine. */
export const START_TIMEOUT_MS = 120_000;

interface CallOptions {
  /** The operator's when absent. */
  readonly key?: string;
  readonly body?: object;
}

export interface TestTenancy {
  readonly catalog: Catalog;
  readonly gateway: TestGateway;
  /** @param path below `/api/v1/` */
  call(method: TestMethod, path: string, options?: CallOptions): Promise<TestAnswer>;
  /** A new organization, and the key of its administrator. */
  found(limits?: object): Promise<{ readonly id: string; readonly key: string }>;
  /** Asks with the key. */
  statusOf(key: string, path?: string): Promise<number>;
  /** A new key, by default of a viewer. */
  createKey(key: string, body: object): Promise<{ readonly id: string; readonly key: string }>;
  close(): Promise<void>;
}

export async function openTestTenancy(): Promise<TestTenancy> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tenancy-'));
  const catalog = await openPgliteCatalog({ path: folder });
  await catalog.organizations.ensure(DEFAULT_ORGANIZATION, 'Default', NOW_MS);
  const gateway = await createTestGateway({ catalog });
  let organizations = 0;

  async function call(method: TestMethod, path: string, options: CallOptions = {}): Promise<TestAnswer> {
    return await callAs(gateway, `/api/v1/${path}`, { method, ...options });
  }

  return {
    catalog,
    gateway,
    call,
    async found(limits = {}) {
      organizations += 1;
      const id = `org-${organizations}`;
      const { status, body } = await call('POST', 'organizations', { body: { id, name: 'Test', limits } });
      if (status !== 201) throw new Error(`${id} was not created: ${status}`);
      return { id, key: (body['apiKey'] as { readonly key: string }).key };
    },
    statusOf: async (key, path = 'packs') => (await call('GET', path, { key })).status,
    async createKey(key, asked) {
      const { status, body } = await call('POST', 'api-keys', {
        key,
        body: { name: 'k', role: 'viewer', ...asked },
      });
      if (status !== 201) throw new Error(`the key was not created: ${status}`);
      return { id: String(body['id']), key: String(body['key']) };
    },
    async close() {
      await gateway.app.close();
      await catalog.close();
      await rm(folder, { recursive: true });
    },
  };
}

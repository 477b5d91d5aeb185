import { randomBytes } from 'node:crypto';
import { systemActor, type Catalog } from '@tidemark/catalog';
import { parseOrganizationId } from '@tidemark/core';
import { mintApiKey } from '@tidemark/runtime';
import { ORGANIZATION_NAMES } from './slots.ts';

/** The organizations of the load, each with an admin key. @returns the keys in their order */
export async function ensureOrganizations(
  catalog: Pick<Catalog, 'organizations' | 'apiKeys'>,
  nowMs: number,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const name of ORGANIZATION_NAMES) {
    const organization = parseOrganizationId(name);
    if (organization === null) throw new Error(`${name} is no organization id`);
    await catalog.organizations.ensure(organization, name, nowMs);
    const { key, publicId, secretHash } = mintApiKey(randomBytes);
    const record = {
      publicId,
      secretHash,
      organization,
      name: 'load',
      role: 'admin',
      scopes: null,
      user: null,
      createdAtMs: nowMs,
      expiresAtMs: null,
    } as const;
    await catalog.apiKeys.create(record, systemActor(organization, nowMs));
    keys.push(key);
  }
  return keys;
}

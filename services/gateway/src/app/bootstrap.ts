import { AppError, parseOrganizationId } from '@tidemark/core';
import type { Clock, OrganizationId } from '@tidemark/core';
import { systemActor } from '@tidemark/catalog';
import type { Catalog, Organizations } from '@tidemark/catalog';
import { hashSecret, mintApiKey, parseApiKey } from '@tidemark/runtime';

export const DEFAULT_ORGANIZATION = parseOrganizationId('default') as OrganizationId;

const ADMIN_OF_DEFAULT = {
  organization: DEFAULT_ORGANIZATION,
  role: 'admin',
  scopes: null,
  user: null,
  expiresAtMs: null,
} as const;

export interface BootstrapOptions {
  readonly catalog: Pick<Catalog, 'apiKeys'> & { readonly organizations: Pick<Organizations, 'ensure'> };
  readonly clock: Clock;
  /** Cryptographic randomness (`node:crypto`). */
  readonly randomBytes: (size: number) => Uint8Array;
  /** The operator's own key (from `tidemark keys` of another instance, or minted once and kept); null: mint one if there is none. */
  readonly bootstrapKey: string | null;
}

/**
 * Makes sure that the organization `default` exists and has an admin key. Idempotent, and safe when several instances start at
 * once: with the same bootstrap key, or with none, when the catalog lets one of them mint it.
 *
 * @returns the key in clear when it was minted just now: the only moment it can be shown; else null
 * @throws invalid-config when the bootstrap key is not a key, or another key of its public id is known
 */
export async function ensureDefaultOrganization(options: BootstrapOptions): Promise<string | null> {
  const { catalog, clock, randomBytes, bootstrapKey } = options;
  await catalog.organizations.ensure(DEFAULT_ORGANIZATION, 'Default', clock.nowMs());
  if (bootstrapKey !== null) {
    await ensureBootstrapKey(options, bootstrapKey);
    return null;
  }
  const minted = mintApiKey(randomBytes);
  const key = { publicId: minted.publicId, secretHash: minted.secretHash, name: 'first admin key' };
  const nowMs = clock.nowMs();
  const created = await catalog.apiKeys.createFirst(
    { ...key, ...ADMIN_OF_DEFAULT, createdAtMs: nowMs },
    systemActor(DEFAULT_ORGANIZATION, nowMs),
  );
  return created === null ? null : minted.key;
}

async function ensureBootstrapKey({ catalog, clock }: BootstrapOptions, key: string): Promise<void> {
  const parsed = parseApiKey(key);
  if (parsed === null) {
    throw new AppError(
      'invalid-config',
      'TIDEMARK_BOOTSTRAP_KEY is not an API key (tm_…); `npm run -s mint-key` prints one',
    );
  }
  const secretHash = hashSecret(parsed.secret);
  const known = await catalog.apiKeys.find(parsed.publicId);
  if (known !== null) {
    // Started with it, nobody could get in, and nothing would say why.
    if (known.secretHash === secretHash) return;
    throw new AppError(
      'invalid-config',
      `TIDEMARK_BOOTSTRAP_KEY is not the key known as ${parsed.publicId}: its secret part differs`,
    );
  }
  try {
    const named = { publicId: parsed.publicId, secretHash, name: 'bootstrap key' };
    const nowMs = clock.nowMs();
    await catalog.apiKeys.create(
      { ...named, ...ADMIN_OF_DEFAULT, createdAtMs: nowMs },
      systemActor(DEFAULT_ORGANIZATION, nowMs),
    );
  } catch (error) {
    // Another instance was faster: the key is there, which is all that was wanted.
    if ((await catalog.apiKeys.find(parsed.publicId)) === null) throw error;
  }
}

import { isRole, ROLES } from '@tidemark/core';
import type { CliContext } from '../context.ts';
import { CliFault, EXIT_OK, usageFault } from '../fault.ts';
import { createApiClient } from '../http/api-client.ts';
import { readSettings } from '../settings.ts';
import { formatTable, toCell } from '../table.ts';

const COLUMNS = ['id', 'name', 'role', 'createdAt', 'expiresAt', 'revokedAt'] as const;

export interface CreateKeyOptions {
  readonly name: string;
  readonly role: string;
  /** RFC 3339; absent: it does not expire. */
  readonly expiresAt?: string;
  readonly json: boolean;
}

/** Prints the key itself, which the server tells this once. */
export async function runKeysCreate(context: CliContext, options: CreateKeyOptions): Promise<number> {
  if (!isRole(options.role)) {
    throw usageFault(`--role ${JSON.stringify(options.role)}: expected one of ${ROLES.join(', ')}`);
  }
  const { settings, client } = connect(context);
  const created = asRecord(
    await client.requestJson({
      method: 'POST',
      url: `${settings.url}/api/v1/api-keys`,
      body: JSON.stringify({
        name: options.name,
        role: options.role,
        ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
      }),
    }),
  );
  printNewKey(context, created, options);
  return EXIT_OK;
}

export interface RotateKeyOptions {
  /** Seconds, decimal. */
  readonly overlap: string;
  readonly json: boolean;
}

/** Prints the key that replaces the other, which the server tells this once. */
export async function runKeysRotate(
  context: CliContext,
  id: string,
  options: RotateKeyOptions,
): Promise<number> {
  if (!/^\d{1,9}$/.test(options.overlap)) {
    throw usageFault(`--overlap ${JSON.stringify(options.overlap)}: expected seconds, as 3600`);
  }
  const { settings, client } = connect(context);
  const successor = asRecord(
    await client.requestJson({
      method: 'POST',
      url: `${settings.url}/api/v1/api-keys/${encodeURIComponent(id)}/rotate`,
      body: JSON.stringify({ overlapSeconds: Number(options.overlap) }),
    }),
  );
  printNewKey(context, successor, options);
  return EXIT_OK;
}

export async function runKeysList(context: CliContext, options: { readonly json: boolean }): Promise<number> {
  const { settings, client } = connect(context);
  const answer = await client.requestJson({ method: 'GET', url: `${settings.url}/api/v1/api-keys` });
  if (options.json) {
    context.stdout.write(`${JSON.stringify(answer)}\n`);
    return EXIT_OK;
  }
  const keys = Array.isArray(answer) ? (answer as unknown[]) : asRecord(answer)['apiKeys'];
  if (!Array.isArray(keys)) throw new CliFault('the server does not answer with a list of keys');
  const rows = keys.map((key: unknown) => COLUMNS.map((column) => toCell(asRecord(key)[column])));
  context.stdout.write(formatTable(['id', 'name', 'role', 'created', 'expires', 'revoked'], rows));
  return EXIT_OK;
}

export async function runKeysRevoke(
  context: CliContext,
  id: string,
  options: { readonly json: boolean },
): Promise<number> {
  const { settings, client } = connect(context);
  await client.request({
    method: 'DELETE',
    url: `${settings.url}/api/v1/api-keys/${encodeURIComponent(id)}`,
  });
  context.stdout.write(options.json ? `${JSON.stringify({ id, revoked: true })}\n` : `${id} is revoked\n`);
  return EXIT_OK;
}

function printNewKey(
  { stdout, stderr }: CliContext,
  created: Readonly<Record<string, unknown>>,
  { json }: { readonly json: boolean },
): void {
  if (json) {
    stdout.write(`${JSON.stringify(created)}\n`);
    return;
  }
  stdout.write(`${String(created['key'])}\n`);
  stderr.write(`id ${String(created['id'])}; the key is shown this once: keep it now\n`);
}

function connect(context: CliContext): {
  readonly settings: ReturnType<typeof readSettings>;
  readonly client: ReturnType<typeof createApiClient>;
} {
  const settings = readSettings(context.environment);
  return { settings, client: createApiClient(context, settings.apiKey) };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new CliFault('the server answers something that is not an object');
}

/** The pages of examples: each is run as its reader would, and every operation of the API is in one of them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findRepositoryRoot } from '@tidemark/testkit/cluster';
import { describe, expect, it } from '@jest/globals';
import { call } from './client.ts';
import { examplesOf, operationsIn } from './examples.ts';
import type { System } from './system.ts';

const DOCS = path.join(findRepositoryRoot(), 'docs');
const PACK_PAGES = readdirSync(path.join(DOCS, 'packs'))
  .filter((page) => page !== 'README.md')
  .map((page) => path.join('packs', page));
const PAGES = ['api-guide.md', 'define-a-metric.md', ...PACK_PAGES, 'exports.md', 'access.md'];
const PAGE_TIMEOUT_MS = 240_000;
/** Of what a page prints, so much is told when it fails. */
const TOLD_CHARACTERS = 2_000;

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function read(page: string): string {
  return readFileSync(path.join(DOCS, page), 'utf8');
}

/** One shell for the page: an example may use what those before it have set. @returns what went wrong, and in which example */
async function failureOf(page: string, system: System): Promise<string | null> {
  const script = examplesOf(read(page))
    .map(({ line, text }) => `echo '${page}:${line}' >&2\n${text}`)
    .join('\n');
  const cwd = mkdtempSync(path.join(os.tmpdir(), 'tidemark-examples-'));
  try {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        TIDEMARK_URL: system.gatewayUrl,
        TIDEMARK_INGEST_URL: system.ingestUrl,
        TIDEMARK_API_KEY: system.adminKey,
        ADMIN: system.adminKey,
        OPERATOR: system.adminKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PAGE_TIMEOUT_MS - 5_000,
    });
    const output = { stdout: '', stderr: '' };
    shell.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    shell.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const code = await new Promise((resolve) => shell.once('close', resolve));
    if (code === 0) return null;
    return `ended with ${String(code)}: ${output.stderr.slice(-TOLD_CHARACTERS)}${output.stdout.slice(-TOLD_CHARACTERS)}`;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

export function describeDocumented(system: () => System): void {
  it.each(PAGES)(
    'docs/%s: every example does what it says, without a fault',
    async (page) => {
      expect(examplesOf(read(page)).length).toBeGreaterThan(0);
      expect(await failureOf(page, system())).toBeNull();
    },
    PAGE_TIMEOUT_MS,
  );

  describe('every operation', () => {
    it('of the OpenAPI document is in an example', async () => {
      const { ingestUrl, gatewayUrl } = system();
      const documents = await Promise.all(
        [ingestUrl, gatewayUrl].map((url) => call(`${url}/api/v1/openapi.json`, { key: null })),
      );
      const operations = documents.flatMap(({ body }) =>
        Object.entries((body as unknown as Description).paths).flatMap(([template, methods]) =>
          Object.keys(methods).map((method) => `${method.toUpperCase()} ${template}`),
        ),
      );
      expect(operations.length).toBeGreaterThan(0);
      const templates = [...new Set(operations)];
      const shown = new Set(PAGES.flatMap((page) => operationsIn(examplesOf(read(page)), templates)));
      expect(templates.filter((operation) => !shown.has(operation))).toEqual([]);
    });
  });
}

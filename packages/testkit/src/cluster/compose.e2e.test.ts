import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readComposeFile } from './compose-file.ts';
import { findBundle, findRepositoryRoot } from './repository.ts';

const ROOT = findRepositoryRoot();

/** Stands for what `.env` must hold: a key, because that is the only such value with a form of its own. */
function mintKey(): string {
  return execFileSync(process.execPath, ['scripts/mint-key.mjs'], { cwd: ROOT, encoding: 'utf8' }).trim();
}

function readServiceEnvironment(name: string, secret: string): Record<string, string> {
  const entries = Object.entries(readComposeFile().services[name]?.environment ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      // What has a default stays at it, as where `.env` does not name it.
      String(value)
        .replaceAll(/\$\{[^}:]+:-([^}]*)\}/g, '$1')
        .replaceAll(/\$\{[^}]+\}/g, secret),
    ]),
  );
}

for (const name of ['aggregator', 'gateway', 'ingest']) {
  const exists = existsSync(path.join(ROOT, 'services', name, 'src', 'main.ts'));
  (exists ? describe : describe.skip)(`the environment that docker-compose.yml gives to ${name}`, () => {
    it('is complete, and known to it', () => {
      const answer = execFileSync(process.execPath, [findBundle(name), '--validate'], {
        env: readServiceEnvironment(name, mintKey()),
        encoding: 'utf8',
      });
      expect(answer).toBe(`${name}: the configuration is valid\n`);
    });
  });
}

/** Ten thousand simulations in threads of their own: plain Node runs them three times as fast as jest's module system does. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const BUNDLE = path.resolve(import.meta.dirname, '../../../../dist/simulate.js');
const TIMEOUT_MS = 360_000;
const FROM = 1;
const SEEDS = 10_000;

it(
  `no breach is found by ${SEEDS} seeds`,
  async () => {
    const run = promisify(execFile);
    const said = await run(process.execPath, [
      BUNDLE,
      '--from',
      String(FROM),
      '--seeds',
      String(SEEDS),
    ]).catch((error: { readonly stdout: string; readonly stderr: string }) => error);
    process.stdout.write(said.stdout);
    expect(said.stderr).toBe('');
    expect(said.stdout).toMatch(new RegExp(`^${SEEDS} seeds from ${FROM} .* 0 breaches\\n$`));
  },
  TIMEOUT_MS,
);

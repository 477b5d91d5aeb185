/** Prints a new API key, for `TIDEMARK_BOOTSTRAP_KEY`. Nothing is stored: the key counts once a gateway starts with it. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { build } from 'esbuild';

const { outputFiles } = await build({
  absWorkingDir: path.resolve(import.meta.dirname, '..'),
  entryPoints: ['packages/runtime/src/api-key.ts'],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const [{ text }] = outputFiles;
const { mintApiKey } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
process.stdout.write(`${mintApiKey(randomBytes).key}\n`);

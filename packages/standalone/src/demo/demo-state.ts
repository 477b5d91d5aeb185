import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

const FILE = 'demo.json';

/** What the demo keeps beside its data, so that a restart goes on where it was. */
export interface DemoState {
  /** The admin key of the demo; minted at its first start. */
  readonly key: string;
  /** Everything synthetic before this instant has been acknowledged; null before the first. */
  readonly fedThroughMs: number | null;
}

/** Null when there is none yet. @throws when there is one that cannot be read: it holds the only key */
export async function loadDemoState(dataDir: string): Promise<DemoState | null> {
  let text: string;
  try {
    text = await readFile(path.join(dataDir, FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return JSON.parse(text) as DemoState;
}

/** Atomic; readable by its owner alone. */
export async function saveDemoState(dataDir: string, state: DemoState): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const fresh = path.join(dataDir, `${FILE}.new`);
  await writeFile(fresh, JSON.stringify(state), { mode: 0o600 });
  await rename(fresh, path.join(dataDir, FILE));
}

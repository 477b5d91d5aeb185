import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../thrown.ts';

const FORMAT = 1;

/** How far an import has come, so that a second run can skip what the server has acknowledged. Never needed to be right. */
export interface Checkpoint {
  /** Every record up to this number is acknowledged or was refused for good. */
  readonly records: number;
  /** Digest over the ids of those records: a file that differs anywhere before it is imported again from its start. */
  readonly digest: string;
  readonly accepted: number;
  readonly rejected: number;
  /**
   * Of each partition of the server, how far its log reached. A server whose log is shorter has lost or changed its data, and
   * the import starts again.
   */
  readonly endOffsets: Readonly<Record<string, string>>;
}

/** Where the checkpoint of one import is kept. */
export interface CheckpointFile {
  /** Null when there is none, or none that can be read. */
  load(): Promise<Checkpoint | null>;
  /** Atomic: a reader sees the old or the new one. */
  save(checkpoint: Checkpoint): Promise<void>;
  remove(): Promise<void>;
}

/**
 * @param identity what makes it this import: the server, the key, the file under its mapping and settings
 */
export function createCheckpointFile(stateDirectory: string, identity: readonly string[]): CheckpointFile {
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const file = path.join(stateDirectory, 'imports', `${name}.json`);
  return {
    load: async () => {
      try {
        return parseCheckpoint(await readFile(file, 'utf8'));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    },
    save: async (checkpoint) => {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      const fresh = `${file}.${process.pid}`;
      await writeFile(fresh, JSON.stringify({ format: FORMAT, ...checkpoint }), { mode: 0o600 });
      await rename(fresh, file);
    },
    remove: () => rm(file, { force: true }),
  };
}

/** Null for text of another format: such a checkpoint is as good as none. */
function parseCheckpoint(text: string): Checkpoint | null {
  let value: Partial<Checkpoint> & { readonly format?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    // A disk that was full; the import starts from the beginning.
    return null;
  }
  const { records, digest, accepted, rejected, endOffsets } = value;
  const isWhole =
    value.format === FORMAT &&
    Number.isSafeInteger(records) &&
    typeof digest === 'string' &&
    Number.isSafeInteger(accepted) &&
    Number.isSafeInteger(rejected) &&
    typeof endOffsets === 'object';
  return isWhole ? (value as Checkpoint) : null;
}

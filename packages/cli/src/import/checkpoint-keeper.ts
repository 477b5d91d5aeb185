import type { CliContext } from '../context.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint.ts';
import { messageOf } from '../thrown.ts';

const SAVE_INTERVAL_MS = 1_000;

export interface CheckpointKeeper {
  /** Every record before this is settled now. Saves at most once a second, in the background. */
  advance(progress: Omit<Checkpoint, 'endOffsets'>): void;
  /** Saves what is not saved yet: the import stops here and may go on later. */
  settle(): Promise<void>;
  /** The import is complete: nothing is left to go on with. */
  finish(): Promise<void>;
}

export interface CheckpointKeeperOptions {
  readonly context: CliContext;
  readonly file: CheckpointFile;
  /** The server's end offsets now; rejects when they cannot be had. */
  readonly fetchEndOffsets: () => Promise<Checkpoint['endOffsets']>;
  /** A checkpoint that cannot be saved costs time, not truth: it is told once and given up. */
  readonly onTrouble: (reason: string) => void;
}

export function createCheckpointKeeper(options: CheckpointKeeperOptions): CheckpointKeeper {
  const { context, file } = options;
  let latest: Omit<Checkpoint, 'endOffsets'> | null = null;
  let endOffsets: Checkpoint['endOffsets'] | null = null;
  let savedAtMs = Number.NEGATIVE_INFINITY;
  let saving: Promise<void> | null = null;
  let isGivenUp = false;

  const save = async (): Promise<void> => {
    try {
      // Asked after the acknowledgements: the offsets reach at least as far as the records do. When the user stops, those
      // of the last save serve: lower ones are only a weaker guard.
      const progress = latest;
      if (!context.signal.aborted) endOffsets = await options.fetchEndOffsets();
      if (progress !== null && endOffsets !== null) await file.save({ ...progress, endOffsets });
    } catch (error) {
      if (context.signal.aborted) return;
      isGivenUp = true;
      options.onTrouble(messageOf(error));
    }
  };

  return {
    advance: (progress) => {
      latest = progress;
      const nowMs = context.clock.nowMs();
      if (isGivenUp || saving !== null || nowMs - savedAtMs < SAVE_INTERVAL_MS) return;
      savedAtMs = nowMs;
      saving = save().finally(() => {
        saving = null;
      });
    },
    settle: async () => {
      await saving;
      // The server may be what failed, so it is not asked again.
      if (latest === null || endOffsets === null) return;
      try {
        await file.save({ ...latest, endOffsets });
      } catch (error) {
        options.onTrouble(messageOf(error));
      }
    },
    finish: async () => {
      await saving;
      await file.remove();
    },
  };
}

import type { CliContext } from '../context.ts';
import type { ApiClient } from '../http/api-client.ts';
import type { Settings } from '../settings.ts';
import type { ProgressReport } from './progress.ts';

/** What every file of one import shares. */
export interface ImportEnvironment {
  readonly context: CliContext;
  readonly settings: Settings;
  readonly client: ApiClient;
  readonly report: ProgressReport;
  /** Leave checkpoints of earlier runs alone. */
  readonly restart: boolean;
  /** How long one batch may be tried in all. */
  readonly retryTotalMs: number;
}

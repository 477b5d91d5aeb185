/** The exports of this process: how many at once, how far they are, and for a while how they ended. */
import { AppError, assertThat, HOUR_MS, isAppError } from '@tidemark/core';
import type { Clock, ErrorCode, ExportFormat, Principal } from '@tidemark/core';

/** Under way at once, of one organization and of all: each holds a statement open in the warehouse. */
export const EXPORTS_PER_ORGANIZATION_MAX = 3;
const EXPORTS_MAX = 24;
/** How long an export is remembered after it began, and how many at most: the oldest are forgotten first. */
const REMEMBERED_MS = HOUR_MS;
const REMEMBERED_MAX = 1_000;
const RETRY_AFTER_SECONDS = 10;

export interface ExportProgress {
  readonly id: string;
  readonly owner: Pick<Principal, 'organization' | 'credentialId'>;
  readonly format: ExportFormat;
  readonly startedAtMs: number;
  endedAtMs: number | null;
  state: 'running' | 'done' | 'failed' | 'aborted';
  /** Of a failure; null when it was nobody's to expect. */
  code: ErrorCode | null;
  rowsExpected: number | null;
  rowsSent: number;
  bytesSent: number;
  truncatedCells: number;
  metadata: Readonly<Record<string, unknown>>;
}

export interface ExportRun {
  readonly progress: ExportProgress;
  /** Aborts when the process stops. */
  readonly signal: AbortSignal;
  /** The first end counts. */
  end(state: 'done' | 'failed' | 'aborted', error?: unknown): void;
}

export interface ExportRegister {
  /** @throws rate-limited when the organization has as many under way as it may; overloaded when the process has; stopping */
  begin(owner: ExportProgress['owner'], id: string, format: ExportFormat): ExportRun;
  /** Of the same organization, and begun by the same credential unless the principal is an admin; null otherwise. */
  find(
    principal: Pick<Principal, 'organization' | 'credentialId' | 'role'>,
    id: string,
  ): ExportProgress | null;
  /** Begins none any more, and ends those under way. */
  stop(): void;
}

export function createExportRegister(clock: Clock): ExportRegister {
  const known = new Map<string, ExportProgress>();
  const running = new Map<string, number>();
  const stopping = new AbortController();
  let runningInAll = 0;

  function forgetOld(): void {
    const sinceMs = clock.nowMs() - REMEMBERED_MS;
    for (const [id, { state, startedAtMs }] of known) {
      if (state !== 'running' && (startedAtMs < sinceMs || known.size >= REMEMBERED_MAX)) known.delete(id);
    }
  }

  function release(organization: string): void {
    const left = (running.get(organization) ?? 1) - 1;
    if (left === 0) running.delete(organization);
    else running.set(organization, left);
    runningInAll -= 1;
  }

  return {
    begin(owner, id, format) {
      stopping.signal.throwIfAborted();
      const own = running.get(owner.organization) ?? 0;
      const retry = { retryAfterSeconds: RETRY_AFTER_SECONDS };
      if (own >= EXPORTS_PER_ORGANIZATION_MAX) {
        throw new AppError('rate-limited', `${own} exports of the organization are under way already`, retry);
      }
      if (runningInAll >= EXPORTS_MAX) {
        throw new AppError('overloaded', `${EXPORTS_MAX} exports are under way already`, retry);
      }
      forgetOld();
      assertThat(!known.has(id), `export ${id} is new`);
      const progress: ExportProgress = {
        ...{ id, owner, format, startedAtMs: clock.nowMs(), endedAtMs: null, state: 'running', code: null },
        ...{ rowsExpected: null, rowsSent: 0, bytesSent: 0, truncatedCells: 0, metadata: {} },
      };
      known.set(id, progress);
      running.set(owner.organization, own + 1);
      runningInAll += 1;
      return {
        progress,
        signal: stopping.signal,
        end(state, error) {
          if (progress.state !== 'running') return;
          Object.assign(progress, { state, endedAtMs: clock.nowMs() });
          progress.code = isAppError(error) ? error.code : null;
          release(owner.organization);
        },
      };
    },
    find({ organization, credentialId, role }, id) {
      const found = known.get(id);
      if (found === undefined || found.owner.organization !== organization) return null;
      return role === 'admin' || found.owner.credentialId === credentialId ? found : null;
    },
    stop() {
      stopping.abort(new AppError('stopping', 'ask for the export again', { retryAfterSeconds: 1 }));
    },
  };
}

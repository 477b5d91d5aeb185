/** What the doors need, and the limits they keep. */
import type { Bus } from '@tidemark/bus';
import type { Ledger, PipelineState } from '@tidemark/catalog';
import type { EventLimits } from '@tidemark/contracts';
import type { Clock, Recorder } from '@tidemark/core';
import type {
  Authenticator,
  Logger,
  OrganizationDirectory,
  RateLimiter,
  RateLimitPolicy,
  Telemetry,
} from '@tidemark/runtime';
import type { BackpressureLimits } from './app/backpressure.ts';
import type { OverloadLimits } from './app/overload-gate.ts';
import type { LetterLimits } from './app/reject-letters.ts';
import type { WatchLimits } from './app/stored-watch.ts';

export interface IngestRateLimits {
  readonly requests: RateLimitPolicy;
  readonly events: RateLimitPolicy;
}

export interface IngestDependencies {
  readonly bus: Pick<Bus, 'publish' | 'bounds'>;
  readonly pipeline: Pick<PipelineState, 'progress'>;
  readonly ledger: Pick<Ledger, 'recordReceipts' | 'deadAmong' | 'days'>;
  /** Unique to this run of this process. */
  readonly instance: string;
  /** Of organizations that are not disabled (`guardOrganizations`). */
  readonly authenticator: Authenticator;
  readonly organizations: Pick<OrganizationDirectory, 'limitsOf'>;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Of all packs; their names are the last segments of paths and unique. */
  readonly recorders: readonly Recorder[];
  /** For recorded objects without an id. */
  readonly createId: () => string;
  readonly limits: EventLimits;
  readonly overload: OverloadLimits;
  readonly rateLimits: IngestRateLimits;
  readonly backpressure: BackpressureLimits;
  readonly letters: LetterLimits;
  readonly watch: WatchLimits;
}

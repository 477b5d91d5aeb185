/** The product with everything it needs, as the faults and the checks see it, whatever the profile. */
import type { Bus } from '@tidemark/bus';
import type { WarehouseExecutor } from '@tidemark/warehouse';
import type { Disturbable } from './disturbances.ts';
import type { Random } from './random.ts';
import type { EventName } from './slots.ts';
import type { Supervised } from './supervised.ts';

export const PROFILES = ['embedded', 'distributed'] as const;
export type Profile = (typeof PROFILES)[number];

/** What the product has written, read past the product. */
export interface Stores {
  readonly warehouse: WarehouseExecutor;
  readonly bus: Bus;
}

export interface FaultContext {
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface Fault {
  readonly name: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  /**
   * Resolves when the fault is over; what it took down may still be on its way up. Null when it could not be done now (its process is
   * down already).
   */
  inject(context: FaultContext): Promise<Injected | null>;
}

export interface Injected {
  /** What exactly was done. */
  readonly detail: string;
  /** False when nobody noticed: a line was cut that nobody used. */
  readonly hadEffect: boolean;
}

export interface System {
  readonly profile: Profile;
  readonly ingestUrl: string;
  readonly gatewayUrl: string;
  /** Admin keys, by index of `ORGANIZATION_NAMES`. */
  readonly keys: readonly string[];
  /** Of an administrator of the operator, who sees the dead letters of nobody. */
  readonly operatorKey: string;
  readonly processes: readonly Supervised[];
  /** Who answers at `ingestUrl` and at `gatewayUrl`. */
  readonly ingest: Supervised;
  readonly gateway: Supervised;
  /** Where ingest records what it has acknowledged. */
  readonly catalog: Disturbable;
  readonly faults: readonly Fault[];
  /** Records of the log that are no events, put there by a fault. */
  poisoned(): readonly { readonly partition: number; readonly offset: number }[];
  /** Committed offsets by partition, as the log has them; null when they cannot be asked for while the product runs. */
  readonly committed: (() => Promise<ReadonlyMap<number, number>>) | null;
  /** Rows of raw of one event, at any moment; null when raw cannot be asked past the product while it runs. */
  readonly countRows: ((event: EventName) => Promise<number>) | null;
  /** The body has the stores for itself, or shares them: nothing is written meanwhile. */
  inspect<T>(body: (stores: Stores) => Promise<T>): Promise<T>;
  /** Ends everything and removes the data. Idempotent. */
  close(): Promise<void>;
}

/** The connections of this process: how many there may be, and what is done for all of them. */
import type { Clock, Principal } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { LiveConnection, type ConnectionOptions } from './connection.ts';
import type { LiveHub } from './hub.ts';
import {
  CLOSE_GRACE_MS,
  COME_BACK_SECONDS_MAX,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_CREDENTIAL_MAX,
  CONNECTIONS_PER_ORGANIZATION_MAX,
  SWEEP_MS,
} from './limits.ts';

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly perOrganizationMax: number;
  readonly perCredentialMax: number;
}

const LIMITS: ConnectionLimits = {
  connectionsMax: CONNECTIONS_MAX,
  perOrganizationMax: CONNECTIONS_PER_ORGANIZATION_MAX,
  perCredentialMax: CONNECTIONS_PER_CREDENTIAL_MAX,
};

export interface ConnectionsOptions {
  readonly hub: Pick<LiveHub, 'unsubscribe'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'increment' | 'set'>;
  readonly limits?: ConnectionLimits;
}

/** Why there is no room for another connection. */
export interface NoRoom {
  readonly reason: 'no-room' | 'too-many' | 'stopping';
  readonly detail: string;
}

export class LiveConnections {
  readonly #options: ConnectionsOptions;
  readonly #limits: ConnectionLimits;
  readonly #open = new Set<LiveConnection>();
  readonly #byOrganization = new Map<string, number>();
  readonly #byCredential = new Map<string, number>();
  readonly #stopping = new AbortController();
  /** Null while none is open. */
  #sweeping: Promise<void> | null = null;
  #emptied: () => void = () => undefined;
  #number = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
  }

  /** Null: there is room for one more of the principal. */
  noRoom({ organization, credentialId }: Principal): NoRoom | null {
    const { connectionsMax, perOrganizationMax, perCredentialMax } = this.#limits;
    if (this.#stopping.signal.aborted) return { reason: 'stopping', detail: 'shutting down; connect again' };
    if (this.#open.size >= connectionsMax) {
      return { reason: 'no-room', detail: `${connectionsMax} live connections are open here already` };
    }
    if ((this.#byOrganization.get(organization) ?? 0) >= perOrganizationMax) {
      return { reason: 'too-many', detail: `the organization has ${perOrganizationMax} live connections` };
    }
    if ((this.#byCredential.get(credentialId) ?? 0) >= perCredentialMax) {
      return { reason: 'too-many', detail: `the credential has ${perCredentialMax} live connections` };
    }
    return null;
  }

  open(
    options: Pick<
      ConnectionOptions,
      'transport' | 'principal' | 'authenticate' | 'answersHeartbeats' | 'endsWithSubscription'
    >,
  ): LiveConnection {
    const { hub, clock, log, telemetry } = this.#options;
    const { organization, credentialId } = options.principal;
    const number = this.#number;
    this.#number += 1;
    const onEnd = () => {
      this.#open.delete(connection);
      add(this.#byOrganization, organization, -1);
      add(this.#byCredential, credentialId, -1);
      this.#tellSize();
      if (this.#open.size === 0) this.#emptied();
    };
    const nowMs = () => clock.nowMs();
    const connection = new LiveConnection({ ...options, number, hub, nowMs, log, telemetry, onEnd });
    this.#open.add(connection);
    this.#sweeping ??= this.#sweep();
    add(this.#byOrganization, organization, 1);
    add(this.#byCredential, credentialId, 1);
    this.#tellSize();
    return connection;
  }

  /** Says goodbye to all, and ends those that do not go. Idempotent. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#sweeping;
    let seconds = 0;
    for (const connection of this.#open) {
      seconds = (seconds % COME_BACK_SECONDS_MAX) + 1;
      connection.close('stopping', `shutting down; connect again in ${seconds} s`);
    }
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    if (this.#open.size === 0) return;
    const waiting = new AbortController();
    await Promise.race([emptied, this.#options.clock.sleep(CLOSE_GRACE_MS, waiting.signal)]);
    waiting.abort();
    for (const connection of this.#open) connection.terminate();
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted && this.#open.size > 0) {
      await this.#options.clock.sleep(SWEEP_MS, signal);
      let subscriptions = 0;
      for (const connection of this.#open) {
        subscriptions += connection.subscriptions.size;
        connection.sweep();
      }
      this.#options.telemetry.set('tidemark_gateway_live_subscriptions', subscriptions);
    }
    this.#sweeping = null;
  }

  #tellSize(): void {
    this.#options.telemetry.set('tidemark_gateway_live_connections', this.#open.size);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

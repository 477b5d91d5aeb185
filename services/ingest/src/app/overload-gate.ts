import { AppError } from '@tidemark/core';
import type { Telemetry } from '@tidemark/runtime';

export interface OverloadLimits {
  /** Bodies (after inflation) held in memory at once; events and records made of them take about four times as much more. */
  readonly inFlightBytesMax: number;
  readonly inFlightRequestsMax: number;
}

export const DEFAULT_OVERLOAD_LIMITS: OverloadLimits = {
  inFlightBytesMax: 64 * 1024 * 1024,
  inFlightRequestsMax: 1_024,
};

/** Long enough for a batch or two to become durable. */
const RETRY_AFTER_SECONDS = 1;

/** A request's share of the memory. */
export interface Admission {
  /** Call before keeping the bytes. @throws overloaded */
  addBytes(count: number): void;
  /** Idempotent. */
  release(): void;
}

export interface OverloadGate {
  /** Call before reading a body. @throws overloaded */
  admit(): Admission;
  readonly inFlightBytes: number;
}

/**
 * What this process holds is bounded whatever arrives: too much is refused at once instead of waiting in memory. A request counts
 * until its events are durable or given up, so a hanging bus closes the gate.
 */
export function createOverloadGate(limits: OverloadLimits, telemetry: Telemetry): OverloadGate {
  let inFlightBytes = 0;
  let inFlightRequests = 0;

  function changeBytes(by: number): void {
    inFlightBytes += by;
    telemetry.set('tidemark_ingest_in_flight_bytes', inFlightBytes);
  }

  return {
    get inFlightBytes() {
      return inFlightBytes;
    },
    admit: () => {
      if (inFlightRequests >= limits.inFlightRequestsMax) {
        throw overloaded(`more than ${limits.inFlightRequestsMax} requests at once`);
      }
      inFlightRequests += 1;
      let ownBytes = 0;
      let isReleased = false;
      return {
        addBytes: (count) => {
          if (inFlightBytes + count > limits.inFlightBytesMax) {
            throw overloaded(`more than ${limits.inFlightBytesMax} bytes of events at once`);
          }
          ownBytes += count;
          changeBytes(count);
        },
        release: () => {
          if (isReleased) return;
          isReleased = true;
          inFlightRequests -= 1;
          changeBytes(-ownBytes);
        },
      };
    },
  };
}

function overloaded(detail: string): AppError {
  return new AppError('overloaded', `this instance takes no more now: ${detail}`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

import { MINUTE_MS, SECOND_MS } from '@tidemark/core';
import { createDeadLetterStore, createEventStore, createRollupStore } from '@tidemark/warehouse';
import type { DeadLetterStore, EventStore, RollupStore, WarehouseExecutor } from '@tidemark/warehouse';

const LETTER_QUERY_TIMEOUT_MS = 20 * SECOND_MS;
/** Of the statements that look through a month of raw for a rebuild, or a day for a check. */
const RAW_QUERY_TIMEOUT_MS = MINUTE_MS;

/** What the gateway does in the warehouse beside answering questions. */
export interface GatewayStores {
  readonly letters: DeadLetterStore;
  readonly events: Pick<EventStore, 'minutesWithin' | 'minutesFrom' | 'duplicatesWithin' | 'spanOf'>;
  readonly rollups: Pick<RollupStore, 'bucketsWithin' | 'combinationsOf' | 'compare'>;
}

export function createGatewayStores(warehouse: WarehouseExecutor): GatewayStores {
  return {
    letters: createDeadLetterStore(warehouse, { queryTimeoutMs: LETTER_QUERY_TIMEOUT_MS }),
    events: createEventStore(warehouse, {
      insertTimeoutMs: RAW_QUERY_TIMEOUT_MS,
      queryTimeoutMs: RAW_QUERY_TIMEOUT_MS,
    }),
    rollups: createRollupStore(warehouse),
  };
}

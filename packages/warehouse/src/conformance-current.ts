import type { WarehouseExecutor } from './port.ts';

/** Always the executor that is open now. */
export type Current = () => WarehouseExecutor;

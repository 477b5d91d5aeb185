export * from './catalog.ts';
export * from './pglite-executor.ts';
export * from './port.ts';
export * from './postgres-executor.ts';
export * from './tenancy-port.ts';

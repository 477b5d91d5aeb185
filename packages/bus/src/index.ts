export * from './kafka-bus.ts';
export * from './lmdb-bus.ts';
export * from './port.ts';

export * from './kafka-bus.ts';
export { partitionOfKey } from './key-partition.ts';
export * from './lmdb-bus.ts';
export * from './port.ts';

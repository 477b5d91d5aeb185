export * from './memory-cache.ts';
export * from './port.ts';
export * from './redis-cache.ts';

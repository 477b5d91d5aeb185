export * from './api-key.ts';
export * from './clock.ts';
export * from './errors.ts';
export * from './event.ts';
export * from './ids.ts';
export * from './tier.ts';

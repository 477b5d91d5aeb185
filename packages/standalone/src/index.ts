export { STANDALONE_FIELDS } from './config.ts';
export { startStandalone } from './standalone.ts';
export type { Standalone, StandaloneConfig } from './standalone.ts';

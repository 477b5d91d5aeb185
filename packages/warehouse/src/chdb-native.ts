import { createRequire } from 'node:module';
import type * as Chdb from 'chdb';
import type * as ChdbConnectionModule from 'chdb/connection';

/** Loaded at the first use, not at import: the engine is 300 MB that a process with a ClickHouse server never needs. */
const load = createRequire(import.meta.url);

export function loadChdbConnection(): typeof ChdbConnectionModule {
  return load('chdb/connection') as typeof ChdbConnectionModule;
}

export function loadChdb(): typeof Chdb {
  return load('chdb') as typeof Chdb;
}

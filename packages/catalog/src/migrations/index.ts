import { initial } from './0001-initial.ts';
import { ledger } from './0002-ledger.ts';
import { holds } from './0003-holds.ts';
import { tenancy } from './0004-tenancy.ts';
import { ownRollups } from './0005-own-rollups.ts';
import type { Migration } from './migration.ts';

/** Every migration, in order. */
export const MIGRATIONS: readonly Migration[] = [initial, ledger, holds, tenancy, ownRollups];

/**
 * Tests of the simulation: mistakes that a driver of partitions could make, planted between the real one and its ports. Each must be
 * found within a few seeds.
 */
import type { CommittedOffset } from '@tidemark/bus';
import type { DirtyBucket } from '@tidemark/catalog';
import type { Spoil } from './program.ts';
import type { WorldOptions } from './world.ts';

/** The offset is committed as soon as its records are read. */
const commitBeforeInsert: Spoil = (ports, spell) => {
  const metadata = spell.committed?.metadata ?? '';
  return {
    ports,
    spell: {
      ...spell,
      read: async (options) => {
        const records = await spell.read(options);
        const last = records.at(-1);
        if (last !== undefined) await spell.commit({ offset: last.offset + 1, metadata });
        return records;
      },
    },
  };
};

/** An insert that succeeds is believed, the first as well as those after a doubt: nobody counts. */
const trustEverySuccess: Spoil = (ports, spell) => {
  let believed: { readonly offsets: readonly number[] } | null = null;
  return {
    spell,
    ports: {
      ...ports,
      events: {
        ...ports.events,
        insert: async (batch, token, beforeSend) => {
          believed = null;
          await ports.events.insert(batch, token, beforeSend);
          believed = { offsets: batch.rows.map((row) => row.offset) };
        },
        countRange: async (partition, from, to) => {
          const known = believed?.offsets.filter((offset) => offset >= from && offset <= to) ?? [];
          return known.length > 0 ? known.length : ports.events.countRange(partition, from, to);
        },
      },
    },
  };
};

/** Offsets between the first and the last of a batch; the window is read back in far larger pieces. */
const BATCH_OFFSETS_MAX = 100;

/** A batch that is made again takes its own rows for copies. */
const takeOwnForCopies: Spoil = (ports, spell) => ({
  spell,
  ports: {
    ...ports,
    events: {
      ...ports.events,
      identitiesWithin: async (partition, from, to) =>
        to - from < BATCH_OFFSETS_MAX ? [] : ports.events.identitiesWithin(partition, from, to),
      findStored: (identities, sinceMs, own) =>
        ports.events.findStored(identities, sinceMs, { ...own, from: -1, to: -1 }),
    },
  },
});

/** Every try has a token of its own. */
const freshTokens: Spoil = (ports, spell, clock) => ({
  spell,
  ports: {
    ...ports,
    events: {
      ...ports.events,
      insert: (batch, token, beforeSend) =>
        ports.events.insert(batch, `${token} ${clock.nowMs()}`, beforeSend),
    },
  },
});

/** Who owns the partition is asked before the rows are encoded, not when they are sent. */
const askTooEarly: Spoil = (ports, spell) => ({
  spell,
  ports: {
    ...ports,
    events: {
      ...ports.events,
      insert: async (batch, token, beforeSend) => {
        await beforeSend?.();
        await ports.events.insert(batch, token);
      },
    },
  },
});

/** Buckets are marked once their offset is committed. */
const markAfterCommit: Spoil = (ports, spell, clock) => {
  let pending: readonly DirtyBucket[] = [];
  return {
    ports: {
      ...ports,
      pipeline: {
        ...ports.pipeline,
        markDirty: async (buckets) => {
          pending = [...pending, ...buckets];
        },
      },
    },
    spell: {
      ...spell,
      commit: async (committed: CommittedOffset) => {
        await spell.commit(committed);
        const buckets = pending;
        pending = [];
        if (buckets.length > 0) await ports.pipeline.markDirty(buckets, clock.nowMs());
      },
    },
  };
};

/** A late row is stored while somebody makes the rollup of its bucket without it. */
const holdNothing: Spoil = (ports, spell) => ({
  spell,
  ports: { ...ports, pipeline: { ...ports.pipeline, holdDirty: async () => undefined } },
});

/** The books of a batch that an earlier owner has begun are thought to be kept. */
const skipFirstAccount: Spoil = (ports, spell) => {
  let isFirst = spell.committed?.metadata.includes('"rows"') === true;
  return {
    spell,
    ports: {
      ...ports,
      ledger: {
        ...ports.ledger,
        account: async (account) => {
          const isSkipped = isFirst;
          isFirst = false;
          return isSkipped ? account.next : ports.ledger.account(account);
        },
      },
    },
  };
};

export const PLANTED: Readonly<Record<string, Omit<WorldOptions, 'seed'>>> = {
  'committing before the insert': { spoil: commitBeforeInsert },
  'believing the success of a retry': { spoil: trustEverySuccess },
  'taking its own rows for copies': { spoil: takeOwnForCopies },
  'neither waiting for an insert that runs nor being kept from another': { traits: { isFenced: false } },
  'a new token for every try': { spoil: freshTokens },
  'asking who owns the partition before the rows are encoded': {
    spoil: askTooEarly,
    rates: { slow: 0, slowEncoding: 1, crash: 0, pauseIntervalMs: 4_000, longPauses: 0.7 },
  },
  'marking after the commit': { spoil: markAfterCommit },
  'storing late rows in buckets nobody holds': {
    spoil: holdNothing,
    rates: {
      slow: 0.2,
      slowInsert: 0.4,
      lateInsert: 0,
      crash: 0.02,
      warehouseCrashIntervalMs: 0,
      outageIntervalMs: 0,
    },
  },
  'leaving out the books of what is made again': { spoil: skipFirstAccount },
};

/** The ports of the catalog as one simulated process holds them. */
import type { Ledger, PipelineState } from '@tidemark/catalog';
import type { SimulatedBooks } from './books.ts';
import type { SimulatedPipeline } from './catalog.ts';
import type { SimulatedProcess } from './process.ts';

const CALL = { lost: 'catalog-unavailable', refused: 'catalog-unavailable' } as const;

const unused = (): Promise<never> =>
  Promise.reject(new Error('Assertion failed: the pipeline does not call this'));

export function createSimulatedPipelineState(
  process: SimulatedProcess,
  pipeline: SimulatedPipeline,
): PipelineState {
  const call = <T>(label: string, act: () => T): Promise<T> =>
    process.request<T>(label, CALL, (reply) => reply(act()));
  return {
    recordProgress: (progress) => call('recordProgress', () => pipeline.recordProgress(progress)),
    progress: () => call('progress', () => pipeline.progress()),
    markDirty: (buckets, nowMs, holder) =>
      call('markDirty', () => pipeline.markDirty(buckets, nowMs, holder)),
    holdDirty: (buckets, nowMs, hold) => call('holdDirty', () => pipeline.holdDirty(buckets, nowMs, hold)),
    claimDirty: (options) => call('claimDirty', () => pipeline.claimDirty(options)),
    clearDirty: (claim) => call('clearDirty', () => pipeline.clearDirty(claim)),
    releaseClaim: (claim) => call('releaseClaim', () => pipeline.releaseClaim(claim)),
    raiseVersion: (version) => call('raiseVersion', () => pipeline.raiseVersion(version)),
    adoptMeasures: (fingerprints) =>
      call('adoptMeasures', () => {
        pipeline.adoptMeasures(fingerprints);
        return [];
      }),
    areAdopted: (fingerprints) => call('areAdopted', () => pipeline.areAdopted(fingerprints)),
    markDirtyNow: unused,
    confirmMeasures: unused,
    unknownMeasures: unused,
    dirtyBuckets: unused,
    countDirty: unused,
    countDirtyWithin: unused,
  };
}

export function createSimulatedLedger(process: SimulatedProcess, books: SimulatedBooks): Ledger {
  return {
    account: (account) => process.request('account', CALL, (reply) => reply(books.account(account))),
    accountedThrough: (_topic, partition) =>
      process.request('accountedThrough', CALL, (reply) => reply(books.of(partition)?.through ?? null)),
    snapshot: unused,
    recordReceipts: unused,
    days: unused,
    deadAmong: unused,
    forgetBefore: unused,
  };
}

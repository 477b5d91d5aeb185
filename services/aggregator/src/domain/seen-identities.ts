import type { Identity } from './identity.ts';

/** Identities per block; at 12 bits each a block takes 1.5 MiB and is wrong about 1 in 300 of the strangers it is asked for. */
const BLOCK_CAPACITY = 1_048_576;
const BITS_PER_IDENTITY = 12;
const PROBES = 6;

interface Block {
  readonly bits: Uint32Array;
  size: number;
  newestMs: number;
}

/**
 * Which identities of one partition were stored within the dedupe window: a chain of Bloom filters. `mayHave` is never wrong with
 * "no": such an event is new and needs no look-up in raw. A "perhaps" is settled by that look-up.
 *
 * Memory: 1.5 MiB for each million identities of the window, at most `blocksMax` blocks. When full, the oldest block is dropped
 * early and `completeSinceMs` moves: events that claim an identity are then looked up while it lies within the window.
 */
export class SeenIdentities {
  private readonly blocks: Block[] = [];
  private droppedThroughMs = Number.NEGATIVE_INFINITY;
  private readonly windowMs: number;
  private readonly blocksMax: number;
  private readonly blockCapacity: number;

  constructor(options: {
    readonly windowMs: number;
    readonly blocksMax: number;
    readonly blockCapacity?: number;
  }) {
    this.windowMs = options.windowMs;
    this.blocksMax = options.blocksMax;
    this.blockCapacity = options.blockCapacity ?? BLOCK_CAPACITY;
  }

  /** Nothing that arrived before the instant has been added: events whose window reaches beyond it are looked up. */
  assumeCompleteSince(instantMs: number): void {
    this.droppedThroughMs = Math.max(this.droppedThroughMs, instantMs - 1);
  }

  /** @param arrivedAtMs non-decreasing but for the jitter of several ingest clocks */
  add(identity: Identity, arrivedAtMs: number): void {
    let block = this.blocks.at(-1);
    if (block === undefined || block.size >= this.blockCapacity) {
      block = {
        bits: new Uint32Array(Math.ceil((this.blockCapacity * BITS_PER_IDENTITY) / 32)),
        size: 0,
        newestMs: arrivedAtMs,
      };
      this.blocks.push(block);
      this.prune(arrivedAtMs);
    }
    const bitCount = block.bits.length * 32;
    const step = identity.low | 1;
    let position = identity.high;
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = (position >>> 0) % bitCount;
      block.bits[bit >>> 5] = (block.bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
      position = (position + step) | 0;
    }
    block.size += 1;
    if (arrivedAtMs > block.newestMs) block.newestMs = arrivedAtMs;
  }

  /**
   * False only if the identity was certainly not stored within the window before `nowMs`.
   * @param nowMs arrival of the event that is asked for
   */
  mayHave(identity: Identity, nowMs: number): boolean {
    if (this.droppedThroughMs >= nowMs - this.windowMs) return true;
    return this.blocks.some((block) => holds(block, identity));
  }

  private prune(nowMs: number): void {
    while (this.blocks.length > 1) {
      const oldest = this.blocks[0];
      if (oldest === undefined) return;
      const expired = oldest.newestMs < nowMs - this.windowMs;
      if (!expired && this.blocks.length <= this.blocksMax) return;
      // An expired one too: the arrivals of several ingest clocks jitter, and the next window may reach into it.
      this.droppedThroughMs = Math.max(this.droppedThroughMs, oldest.newestMs);
      this.blocks.shift();
    }
  }
}

function holds(block: Block, identity: Identity): boolean {
  const bitCount = block.bits.length * 32;
  const step = identity.low | 1;
  let position = identity.high;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const bit = (position >>> 0) % bitCount;
    if (((block.bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    position = (position + step) | 0;
  }
  return true;
}

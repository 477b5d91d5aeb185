import { recordBytes, type BusRecord } from '../port.ts';
import type { RecordSource } from '../spell.ts';
import { decodeChunk } from './chunk-codec.ts';
import type { LogPartition, LogStore } from './log-store.ts';

/** Reads one partition from a position on. Holds at most one decoded chunk: the log itself is the buffer. */
export class LogSource implements RecordSource {
  readonly #store: LogStore;
  readonly #partition: LogPartition;
  #position: number;
  #decoded: readonly BusRecord[] = [];
  #decodedAt = 0;

  constructor(store: LogStore, partition: LogPartition, position: number) {
    this.#store = store;
    this.#partition = partition;
    this.#position = position;
  }

  seek(offset: number): void {
    this.#position = offset;
    this.#decoded = [];
    this.#decodedAt = 0;
  }

  take(into: BusRecord[], limits: { readonly records: number; readonly bytes: number }): number {
    const full = into.length + limits.records;
    let bytes = this.#takeDecoded(into, full, limits.bytes);
    if (into.length >= full || bytes >= limits.bytes || this.#position >= this.#partition.endOffset)
      return bytes;
    for (const chunk of this.#store.chunksFrom(this.#partition, this.#position)) {
      this.#decoded = decodeChunk(chunk, this.#position);
      this.#decodedAt = 0;
      bytes += this.#takeDecoded(into, full, limits.bytes - bytes);
      if (into.length >= full || bytes >= limits.bytes) break;
    }
    return bytes;
  }

  #takeDecoded(into: BusRecord[], full: number, bytesMax: number): number {
    let bytes = 0;
    while (this.#decodedAt < this.#decoded.length && into.length < full && bytes < bytesMax) {
      const record = this.#decoded[this.#decodedAt++] as BusRecord;
      into.push(record);
      bytes += recordBytes(record);
      this.#position = record.offset + 1;
    }
    return bytes;
  }
}

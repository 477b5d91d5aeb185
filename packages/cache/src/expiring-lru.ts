import type { Clock } from '@tidemark/core';

interface Entry {
  readonly value: string;
  readonly expiresAtMs: number;
  readonly bytes: number;
}

export interface ExpiringLruOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly maxEntries: number;
  /** Estimated bytes of keys and values together. */
  readonly maxBytes: number;
}

/** What an entry costs beside its text: the map's slot, the object, two string headers. */
const ENTRY_OVERHEAD_BYTES = 120;

/** Texts that vanish in time, or earlier when there is no room: the least recently used first. */
export class ExpiringLru {
  /** In the order of use, the latest last: a Map keeps the order of insertion. */
  private readonly entries = new Map<string, Entry>();
  private readonly options: ExpiringLruOptions;
  private bytes = 0;

  constructor(options: ExpiringLruOptions) {
    this.options = options;
  }

  get(key: string): string | null {
    const entry = this.liveEntry(key);
    if (entry === null) return null;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** A value that alone exceeds the bound is not kept (and the one it replaces is gone). */
  set(key: string, value: string, ttlMs: number): void {
    this.keep(key, value, this.options.clock.nowMs() + ttlMs);
  }

  /** Replaces the value and keeps the time it vanishes, when the key is there. */
  replace(key: string, value: string): void {
    const entry = this.liveEntry(key);
    if (entry !== null) this.keep(key, value, entry.expiresAtMs);
  }

  delete(key: string): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.entries.delete(key);
    this.bytes -= entry.bytes;
    return entry.expiresAtMs > this.options.clock.nowMs();
  }

  keys(): readonly string[] {
    return [...this.entries.keys()];
  }

  clear(): void {
    this.entries.clear();
    this.bytes = 0;
  }

  private liveEntry(key: string): Entry | null {
    const entry = this.entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAtMs > this.options.clock.nowMs()) return entry;
    this.delete(key);
    return null;
  }

  private keep(key: string, value: string, expiresAtMs: number): void {
    this.delete(key);
    const bytes = 2 * (key.length + value.length) + ENTRY_OVERHEAD_BYTES;
    if (bytes > this.options.maxBytes) return;
    this.entries.set(key, { value, expiresAtMs, bytes });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.options.maxEntries && this.bytes <= this.options.maxBytes) return;
      this.delete(oldest);
    }
  }
}

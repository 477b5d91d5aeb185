import type { KafkaMessage } from 'kafkajs';
import type { BusRecord } from '../port.ts';
import type { RecordSource } from '../spell.ts';
import { Wakeup } from '../waiting.ts';

export interface FetchBufferOptions {
  readonly position: number;
  /** The buffer asks to pause when less than one fetch fits under this. */
  readonly maxBytes: number;
  /** What one fetch may bring at most (one larger record excepted). */
  readonly fetchBytes: number;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly seek: (offset: number) => void;
}

/**
 * What was fetched of one partition and not read yet: bounded, because it pauses fetching before the next fetch could
 * overflow it and resumes when it is half empty. Records are made when they are taken.
 */
export class FetchBuffer implements RecordSource {
  readonly arrived = new Wakeup();
  readonly #options: FetchBufferOptions;
  #messages: KafkaMessage[] = [];
  #head = 0;
  #bytes = 0;
  /** The next offset to append. */
  #fetchPosition: number;
  #isPaused = false;

  constructor(options: FetchBufferOptions) {
    this.#options = options;
    this.#fetchPosition = options.position;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get fetchPosition(): number {
    return this.#fetchPosition;
  }

  /** Takes a fetched batch; what lies before the position is dropped. Returns the number of offsets skipped. */
  append(messages: readonly KafkaMessage[]): number {
    let skipped = 0;
    for (const message of messages) {
      const offset = Number(message.offset);
      if (offset < this.#fetchPosition) continue;
      skipped += offset - this.#fetchPosition;
      this.#messages.push(message);
      this.#bytes += messageBytes(message);
      this.#fetchPosition = offset + 1;
    }
    const { maxBytes, fetchBytes, pause } = this.#options;
    if (!this.#isPaused && this.#bytes > maxBytes - fetchBytes) {
      this.#isPaused = true;
      pause();
    }
    this.arrived.notify();
    return skipped;
  }

  take(into: BusRecord[], limits: { readonly records: number; readonly bytes: number }): number {
    let bytes = 0;
    const end = Math.min(this.#messages.length, this.#head + limits.records);
    while (this.#head < end && bytes < limits.bytes) {
      const message = this.#messages[this.#head++] as KafkaMessage;
      bytes += messageBytes(message);
      into.push(toBusRecord(message));
    }
    this.#bytes -= bytes;
    this.#dropTaken();
    this.#resumeWhenLow();
    return bytes;
  }

  seek(offset: number): void {
    this.#clear();
    this.#bytes = 0;
    this.#fetchPosition = offset;
    this.#options.seek(offset);
    this.#resumeWhenLow();
  }

  /** Lets go of what was taken, seldom enough that it costs nothing per record. */
  #dropTaken(): void {
    if (this.#head * 2 < this.#messages.length) return;
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }

  #clear(): void {
    this.#messages = [];
    this.#head = 0;
  }

  #resumeWhenLow(): void {
    if (!this.#isPaused || this.#bytes > this.#options.maxBytes / 2) return;
    this.#isPaused = false;
    this.#options.resume();
  }
}

function messageBytes({ key, value, headers }: KafkaMessage): number {
  let bytes = (value?.length ?? 0) + (key?.length ?? 0);
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}

function toBusRecord({ key, value, headers, timestamp, offset }: KafkaMessage): BusRecord {
  const texts: Record<string, string> = {};
  for (const name in headers) {
    const header = headers[name];
    // A header given several times keeps its first value, as the CloudEvents binding has no repeated ones.
    const first = Array.isArray(header) ? header[0] : header;
    if (first !== undefined) texts[name] = first.toString();
  }
  return {
    key: key?.toString() ?? '',
    value: value ?? Buffer.alloc(0),
    headers: texts,
    timestampMs: Number(timestamp),
    offset: Number(offset),
  };
}

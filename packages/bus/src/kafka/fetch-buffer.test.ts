import { describe, expect, it } from '@jest/globals';
import type { KafkaMessage } from 'kafkajs';
import type { BusRecord } from '../port.ts';
import { FetchBuffer } from './fetch-buffer.ts';

const MESSAGE_BYTES = 100;

function messages(from: number, count: number): readonly KafkaMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.alloc(0),
    value: Buffer.alloc(MESSAGE_BYTES),
    timestamp: '0',
    attributes: 0,
    offset: String(from + index),
    headers: {},
  }));
}

function createBuffer(): { readonly buffer: FetchBuffer; readonly calls: string[] } {
  const calls: string[] = [];
  const buffer = new FetchBuffer({
    position: 10,
    maxBytes: 10 * MESSAGE_BYTES,
    fetchBytes: 4 * MESSAGE_BYTES,
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    seek: (offset) => calls.push(`seek ${offset}`),
  });
  return { buffer, calls };
}

function takeOffsets(buffer: FetchBuffer, records: number): readonly number[] {
  const into: BusRecord[] = [];
  buffer.take(into, { records, bytes: Number.POSITIVE_INFINITY });
  return into.map(({ offset }) => offset);
}

describe('FetchBuffer', () => {
  it('pauses before a fetch could overflow it, and resumes when half empty', () => {
    const { buffer, calls } = createBuffer();
    buffer.append(messages(10, 4));
    expect(calls).toEqual([]);
    buffer.append(messages(14, 4));
    expect(calls).toEqual(['pause']);
    expect(takeOffsets(buffer, 2)).toEqual([10, 11]);
    expect(calls).toEqual(['pause']);
    expect(takeOffsets(buffer, 2)).toEqual([12, 13]);
    expect(calls).toEqual(['pause', 'resume']);
    expect(buffer.bytes).toBe(4 * MESSAGE_BYTES);
  });

  it('drops what lies before its position and reports what the log skipped', () => {
    const { buffer } = createBuffer();
    expect(buffer.append(messages(8, 4))).toBe(0);
    expect(buffer.append(messages(15, 1))).toBe(3);
    expect(takeOffsets(buffer, 9)).toEqual([10, 11, 15]);
    expect(buffer.fetchPosition).toBe(16);
  });

  it('empties and resumes on seek', () => {
    const { buffer, calls } = createBuffer();
    buffer.append(messages(10, 8));
    buffer.seek(3);
    expect(calls).toEqual(['pause', 'seek 3', 'resume']);
    expect(takeOffsets(buffer, 9)).toEqual([]);
    buffer.append(messages(3, 1));
    expect(takeOffsets(buffer, 9)).toEqual([3]);
  });

  it('gives one record even when it is larger than the limit', () => {
    const { buffer } = createBuffer();
    buffer.append(messages(10, 3));
    const into: BusRecord[] = [];
    expect(buffer.take(into, { records: 5, bytes: 1 })).toBe(MESSAGE_BYTES);
    expect(into).toHaveLength(1);
  });
});

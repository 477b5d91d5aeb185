/**
 * A chunk is what one transaction appends to one partition: up to some hundred records in one stored value, because a
 * put per record costs more than the record (and a chunk per put reads back at memory speed).
 *
 * Layout, little endian:
 *
 *     u8 version | u8 flags | u16 shapes | u32 records | f64 base offset | u32 bytes of table, text, shapes
 *     shapes:  per shape a varint count of names, then per name a varint byte length and UTF-8
 *     table:   per record f64 timestamp, then varints: value bytes, shape, key length, one length per header value
 *     text:    all keys and header values, one after the other
 *     values:  all values, one after the other
 *
 * A *shape* is the ordered list of header names of a record; records of one producer share one. Lengths of text count
 * UTF-16 units, so that one native call decodes the text of the whole chunk and records are substrings of it.
 */
import { assertThat } from '@tidemark/core';
import type { BusRecord, OutgoingRecord } from '../port.ts';

const VERSION = 1;
/** The text section is ASCII, hence decodable as Latin-1, which is several times faster than UTF-8. */
const FLAG_ASCII = 1;
const HEADER_BYTES = 28;
const VARINT_BYTES_MAX = 5;

/** Bytes a record takes in a chunk, near enough to cut chunks by. */
export function recordBytes(record: OutgoingRecord): number {
  let bytes = record.value.length + record.key.length + 16;
  for (const name in record.headers) bytes += (record.headers[name] as string).length + 1;
  return bytes;
}

/** One chunk of records at consecutive offsets from `baseOffset`. */
export function encodeChunk(baseOffset: number, records: readonly OutgoingRecord[]): Buffer {
  const shapes: string[][] = [];
  const texts: string[] = [];
  let valueBytes = 0;
  let numbers = 0;
  const shapeOfRecord = records.map((record) => {
    const names = Object.keys(record.headers);
    valueBytes += record.value.length;
    numbers += 3 + names.length;
    return findShape(shapes, names);
  });
  const table = Buffer.allocUnsafe(records.length * 8 + numbers * VARINT_BYTES_MAX);
  let at = 0;
  for (const [index, record] of records.entries()) {
    const shape = shapeOfRecord[index] as number;
    at = table.writeDoubleLE(record.timestampMs, at);
    at = writeVarint(table, at, record.value.length);
    at = writeVarint(table, at, shape);
    at = writeVarint(table, at, record.key.length);
    texts.push(record.key);
    for (const name of shapes[shape] as string[]) {
      const value = record.headers[name] as string;
      at = writeVarint(table, at, value.length);
      texts.push(value);
    }
  }
  return assemble({
    baseOffset,
    records,
    valueBytes,
    shapes: encodeShapes(shapes),
    shapeCount: shapes.length,
    table: table.subarray(0, at),
    text: texts.join(''),
  });
}

interface ChunkParts {
  readonly baseOffset: number;
  readonly records: readonly OutgoingRecord[];
  readonly valueBytes: number;
  readonly shapes: Buffer;
  readonly shapeCount: number;
  readonly table: Buffer;
  readonly text: string;
}

function assemble({ baseOffset, records, valueBytes, shapes, shapeCount, table, text }: ChunkParts): Buffer {
  const textBytes = Buffer.byteLength(text, 'utf8');
  const isAscii = textBytes === text.length;
  const chunk = Buffer.allocUnsafe(HEADER_BYTES + shapes.length + table.length + textBytes + valueBytes);
  chunk.writeUInt8(VERSION, 0);
  chunk.writeUInt8(isAscii ? FLAG_ASCII : 0, 1);
  chunk.writeUInt16LE(shapeCount, 2);
  chunk.writeUInt32LE(records.length, 4);
  chunk.writeDoubleLE(baseOffset, 8);
  chunk.writeUInt32LE(table.length, 16);
  chunk.writeUInt32LE(textBytes, 20);
  chunk.writeUInt32LE(shapes.length, 24);
  let at = HEADER_BYTES;
  at += shapes.copy(chunk, at);
  at += table.copy(chunk, at);
  at += chunk.write(text, at, isAscii ? 'latin1' : 'utf8');
  for (const { value } of records) {
    chunk.set(value, at);
    at += value.length;
  }
  return chunk;
}

/**
 * The records of a chunk from `fromOffset` on. Values are views into the chunk, which the caller must own.
 * Throws on a chunk of another version: the log was written by a newer release.
 */
export function decodeChunk(chunk: Buffer, fromOffset: number): BusRecord[] {
  assertThat(chunk[0] === VERSION, `chunk of version ${chunk[0]}; this release reads version ${VERSION}`);
  const count = chunk.readUInt32LE(4);
  const baseOffset = chunk.readDoubleLE(8);
  const tableAt = HEADER_BYTES + chunk.readUInt32LE(24);
  const textAt = tableAt + chunk.readUInt32LE(16);
  const valuesAt = textAt + chunk.readUInt32LE(20);
  const isAscii = ((chunk[1] as number) & FLAG_ASCII) !== 0;
  const text = chunk.toString(isAscii ? 'latin1' : 'utf8', textAt, valuesAt);
  const shapes = decodeShapes(chunk, chunk.readUInt16LE(2));
  const records: BusRecord[] = [];
  const cursor: Cursor = { bytes: chunk, at: tableAt };
  let valueAt = valuesAt;
  let charAt = 0;
  for (let index = 0; index < count; index++) {
    const timestampMs = chunk.readDoubleLE(cursor.at);
    cursor.at += 8;
    const valueEnd = valueAt + readVarint(cursor);
    const names = shapes[readVarint(cursor)] as string[];
    const keyEnd = charAt + readVarint(cursor);
    const key = text.slice(charAt, keyEnd);
    charAt = keyEnd;
    const headers: Record<string, string> = {};
    for (const name of names) {
      const end = charAt + readVarint(cursor);
      headers[name] = text.slice(charAt, end);
      charAt = end;
    }
    const offset = baseOffset + index;
    if (offset >= fromOffset) {
      records.push({ key, value: chunk.subarray(valueAt, valueEnd), headers, timestampMs, offset });
    }
    valueAt = valueEnd;
  }
  return records;
}

/** The newest shape first: neighbours nearly always share one. */
function findShape(shapes: string[][], names: string[]): number {
  for (let index = shapes.length - 1; index >= 0; index--) {
    const shape = shapes[index] as string[];
    if (shape.length === names.length && shape.every((name, at) => name === names[at])) return index;
  }
  return shapes.push(names) - 1;
}

function encodeShapes(shapes: readonly string[][]): Buffer {
  const parts: Buffer[] = [];
  const scratch = Buffer.allocUnsafe(VARINT_BYTES_MAX);
  const pushVarint = (value: number): void => {
    parts.push(Buffer.from(scratch.subarray(0, writeVarint(scratch, 0, value))));
  };
  for (const names of shapes) {
    pushVarint(names.length);
    for (const name of names) {
      const bytes = Buffer.from(name, 'utf8');
      pushVarint(bytes.length);
      parts.push(bytes);
    }
  }
  return Buffer.concat(parts);
}

function decodeShapes(chunk: Buffer, count: number): string[][] {
  const cursor: Cursor = { bytes: chunk, at: HEADER_BYTES };
  const shapes: string[][] = [];
  for (let index = 0; index < count; index++) {
    const names: string[] = [];
    for (let left = readVarint(cursor); left > 0; left--) {
      const length = readVarint(cursor);
      names.push(chunk.toString('utf8', cursor.at, cursor.at + length));
      cursor.at += length;
    }
    shapes.push(names);
  }
  return shapes;
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes[cursor.at++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}

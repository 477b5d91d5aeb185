import { createHash } from 'node:crypto';
import type { CompiledMapping } from './mapping.ts';
import type { RecordPosition } from './record.ts';

/** 132 bits of a SHA-256, base64url. */
const ID_LENGTH = 22;

export type EventIdOf = (record: RecordPosition) => string;

/**
 * The ids of a file's events: the same file under the same mapping and settings always gets the same ids, so importing it twice
 * counts once. What a file is, is told by its first record: renamed, compressed or grown at the end it is still the same. The
 * number of the record is part of its id, so lines that are exact copies of each other still count each.
 */
export function createEventIds(compiled: CompiledMapping, firstRecordText: string): EventIdOf {
  const file = fileIdentity(compiled, firstRecordText);
  return (record) =>
    createHash('sha256')
      .update(JSON.stringify([file, record.number, record.text]))
      .digest('base64url')
      .slice(0, ID_LENGTH);
}

export function fileIdentity(compiled: CompiledMapping, firstRecordText: string): string {
  return createHash('sha256')
    .update(JSON.stringify([compiled.mapping.key, compiled.settings, firstRecordText]))
    .digest('base64url');
}

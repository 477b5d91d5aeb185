/**
 * An event as a record of the bus: the CloudEvents Kafka protocol binding, binary mode. The value is the data as JSON, the
 * attributes are headers, the key is `eventKey`, the timestamp is arrival; event time is the header `ce_time`.
 */
import { isUtf8 } from 'node:buffer';
import { parseOrganizationId, type OrganizationId, type TidemarkEvent } from '@tidemark/core';
import { eventKey } from './event-key.ts';
import { EVENT_TIME_END_MS, EVENT_TIME_MIN_MS } from './limits.ts';
import { parseTimestamp } from './timestamp.ts';

/** An event whose data is kept as the JSON text that goes to the bus and into the warehouse, unparsed on the way. */
export interface DecodedEvent {
  readonly organization: OrganizationId;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly timeMs: number;
  /** As in `TidemarkEvent`. */
  readonly timeText: string;
  /** Extension attributes in their canonical text form (CloudEvents 1.0, section 3.1). */
  readonly extensions: Readonly<Record<string, string>>;
  /** The JSON text of an object. */
  readonly dataText: string;
}

/** Structurally the `OutgoingRecord` of the bus. */
export interface EncodedRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

export const HEADER_ORGANIZATION = 'tidemark-organization';
/** On the record of a replayed dead letter: how often its event has been tried, from 2. */
export const HEADER_ATTEMPT = 'tidemark-attempt';
const EXTENSION_PREFIX = 'ce_';
const EXTENSION_NAME = /^[a-z0-9]+$/;

/** @param arrivedAtMs when the event was received; becomes the timestamp of the record */
export function encodeEventRecord(event: DecodedEvent, arrivedAtMs: number): EncodedRecord {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_source: event.source,
    ce_type: event.type,
    ce_time: event.timeText,
    'content-type': 'application/json',
    [HEADER_ORGANIZATION]: event.organization,
  };
  if (event.subject !== null) headers['ce_subject'] = event.subject;
  for (const name in event.extensions) {
    headers[EXTENSION_PREFIX + name] = event.extensions[name] as string;
  }
  return {
    key: eventKey(event.organization, event.source, event.id),
    value: Buffer.from(event.dataText, 'utf8'),
    headers,
    timestampMs: arrivedAtMs,
  };
}

/** For events made in code rather than parsed (importers, builders of tests). */
export function toDecodedEvent(event: TidemarkEvent): DecodedEvent {
  const { data, extensions, ...attributes } = event;
  const texts = Object.entries(extensions).map(([name, value]) => [name, String(value)] as const);
  return { ...attributes, extensions: Object.fromEntries(texts), dataText: JSON.stringify(data) };
}

export type DecodedRecord =
  | { readonly ok: true; readonly event: DecodedEvent }
  | { readonly ok: false; readonly code: 'record-unreadable'; readonly detail: string };

/**
 * Trusts nothing about who wrote the record, and never throws: what it refuses is a dead letter. The aggregator calls it for
 * every record.
 */
export function decodeEventRecord(record: {
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}): DecodedRecord {
  const { headers, value } = record;
  const organization = parseOrganizationId(headers[HEADER_ORGANIZATION] ?? '');
  if (organization === null) return unreadable(`the header ${HEADER_ORGANIZATION} holds no organization id`);
  if (headers['ce_specversion'] !== '1.0') return unreadable('the header ce_specversion is not 1.0');
  const id = headers['ce_id'];
  const source = headers['ce_source'];
  const type = headers['ce_type'];
  const timeText = headers['ce_time'];
  if (!id || !source || !type || timeText === undefined) {
    return unreadable('one of the headers ce_id, ce_source, ce_type, ce_time is absent or empty');
  }
  const time = parseTimestamp(timeText);
  if (time === null) return unreadable('the header ce_time is not an RFC 3339 instant');
  if (time.ms < EVENT_TIME_MIN_MS || time.ms >= EVENT_TIME_END_MS) {
    return unreadable('the header ce_time is not within 1970 to 2099');
  }
  if (!isUtf8(value)) return unreadable('the value is not UTF-8');
  const dataText = value.toString('utf8');
  const dataFault = faultOfDataText(dataText);
  if (dataFault !== null) return unreadable(dataFault);
  return {
    ok: true,
    event: {
      organization,
      id,
      source,
      type,
      subject: headers['ce_subject'] ?? null,
      timeMs: time.ms,
      timeText: time.text,
      extensions: extensionsOf(headers),
      dataText,
    },
  };
}

/** Null when the text is a JSON object. */
function faultOfDataText(dataText: string): string | null {
  let data: unknown;
  try {
    data = JSON.parse(dataText);
  } catch {
    return 'the value is not JSON';
  }
  return typeof data === 'object' && data !== null && !Array.isArray(data)
    ? null
    : 'the value is not a JSON object';
}

const NO_EXTENSIONS: Readonly<Record<string, string>> = Object.freeze({});

function extensionsOf(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  let extensions: Record<string, string> | null = null;
  for (const name in headers) {
    if (isAttributeHeader(name) || !name.startsWith(EXTENSION_PREFIX)) continue;
    const extension = name.slice(EXTENSION_PREFIX.length);
    if (!EXTENSION_NAME.test(extension)) continue;
    extensions ??= {};
    extensions[extension] = headers[name] as string;
  }
  return extensions ?? NO_EXTENSIONS;
}

function isAttributeHeader(name: string): boolean {
  switch (name) {
    case 'ce_specversion':
    case 'ce_id':
    case 'ce_source':
    case 'ce_type':
    case 'ce_subject':
    case 'ce_time':
    case 'content-type':
    case HEADER_ORGANIZATION:
      return true;
    default:
      return false;
  }
}

function unreadable(detail: string): DecodedRecord {
  return { ok: false, code: 'record-unreadable', detail };
}

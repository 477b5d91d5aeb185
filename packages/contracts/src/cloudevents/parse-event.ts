/** From attributes and data, whichever way they travelled, to an accepted event or a reject that names every fault. */
import type { Fault } from '@tidemark/core';
import type { DecodedEvent } from '../event-record.ts';
import { FAULTS_PER_EVENT_MAX } from '../limits.ts';
import { isDataText, quoteForMessage } from '../text.ts';
import { checkAttributes, checkExtension, isAbsent, type RawAttributes } from './attributes.ts';
import { checkData } from './event-data.ts';
import { rejected, toReject, type EventContext, type EventOutcome } from './event-outcome.ts';
import { isJsonMediaType, parseMediaType } from './media-type.ts';

/** A JSON value as it came, and where in the event it stood. */
export interface RawData {
  readonly value: unknown;
  readonly pointer: string;
}

const NO_EXTENSIONS: Readonly<Record<string, string>> = Object.freeze({});
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/**
 * @param value one element of a parsed body: the JSON event format of CloudEvents 1.0
 * @param index its position in the request
 */
export function parseStructuredEvent(value: unknown, index: number, context: EventContext): EventOutcome {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return rejected(
      index,
      null,
      'invalid-event',
      '',
      `an event must be a JSON object, found ${quoteForMessage(value)}`,
    );
  }
  const raw = value as Readonly<Record<string, unknown>>;
  const faults: Fault[] = [];
  let extensions: Record<string, string> | null = null;
  let extensionCount = 0;
  for (const name in raw) {
    if (isDefinedMember(name)) continue;
    const text = checkExtension(name, raw[name], context.limits, faults);
    if (text === null) continue;
    extensions ??= {};
    extensions[name] = text;
    extensionCount += 1;
  }
  if (extensionCount > context.limits.extensionsMax) faults.push(tooManyExtensions(context, extensionCount));
  const data = structuredData(raw, faults);
  return completeEvent(
    raw as unknown as RawAttributes,
    extensions ?? NO_EXTENSIONS,
    data,
    faults,
    index,
    context,
  );
}

/** The members the JSON format defines; all others are extensions. */
function isDefinedMember(name: string): boolean {
  switch (name) {
    case 'specversion':
    case 'id':
    case 'source':
    case 'type':
    case 'subject':
    case 'time':
    case 'data':
    case 'data_base64':
    case 'datacontenttype':
      return true;
    default:
      return false;
  }
}

function tooManyExtensions(context: EventContext, count: number): Fault {
  const detail = `at most ${context.limits.extensionsMax} extension attributes, found ${count}`;
  return { code: 'invalid-event', pointer: '', detail };
}

function structuredData(raw: Readonly<Record<string, unknown>>, faults: Fault[]): RawData {
  const contentType = raw['datacontenttype'];
  if (!isAbsent(contentType) && (typeof contentType !== 'string' || parseMediaType(contentType) === null)) {
    const detail = `must be a media type, found ${quoteForMessage(contentType)}`;
    faults.push({ code: 'invalid-event', pointer: '/datacontenttype', detail });
  }
  const encoded = raw['data_base64'];
  if (isAbsent(encoded)) return { value: raw['data'], pointer: '/data' };
  const pointer = '/data_base64';
  if (!isAbsent(raw['data'])) {
    faults.push({ code: 'invalid-event', pointer, detail: 'data and data_base64 exclude each other' });
  }
  if (typeof encoded !== 'string' || !isBase64(encoded)) {
    faults.push({
      code: 'invalid-event',
      pointer,
      detail: `must be base64, found ${quoteForMessage(encoded)}`,
    });
    return { value: undefined, pointer };
  }
  const essence = typeof contentType === 'string' ? parseMediaType(contentType)?.essence : undefined;
  // Without a content type, data_base64 announces binary data; JSON would have come as `data`.
  if (essence === undefined || !isJsonMediaType(essence)) return { value: encoded, pointer };
  return parseJsonData(Buffer.from(encoded, 'base64').toString('utf8'), pointer, faults);
}

/** The canonical form, with padding (RFC 4648, section 4). */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

export function parseJsonData(text: string, pointer: string, faults: Fault[]): RawData {
  try {
    return { value: JSON.parse(text) as unknown, pointer };
  } catch {
    faults.push({ code: 'invalid-event', pointer, detail: 'the data is announced as JSON and is not' });
    return { value: undefined, pointer };
  }
}

/** The common end of all modes. `faults` holds what was found before; nothing is accepted unless it stays empty. */
export function completeEvent(
  raw: RawAttributes,
  extensions: Readonly<Record<string, string>>,
  data: RawData,
  faults: Fault[],
  index: number,
  context: EventContext,
): EventOutcome {
  const attributes = checkAttributes(raw, context, faults);
  const dataText = checkedDataText(data, faults, context);
  const [first, ...others] = faults;
  if (first !== undefined) {
    const listed = [first, ...others.slice(0, FAULTS_PER_EVENT_MAX - 1)] as const;
    return { ok: false, reject: toReject(index, raw.id, listed) };
  }
  const event: DecodedEvent = {
    organization: context.organization,
    id: attributes.id,
    source: attributes.source,
    type: attributes.type,
    subject: attributes.subject,
    timeMs: attributes.time.ms,
    timeText: attributes.time.text,
    extensions,
    dataText,
  };
  const bytes = eventBytesIfOver(event, context.limits.eventBytesMax);
  if (bytes === null) return { ok: true, event };
  const detail = `the event takes ${bytes} bytes, the limit is ${context.limits.eventBytesMax}`;
  return rejected(index, event.id, 'event-too-large', '', detail);
}

/** Objects stay, nothing becomes `{}`, anything else is kept under the key `value`. */
function checkedDataText(data: RawData, faults: Fault[], context: EventContext): string {
  const { value, pointer } = data;
  if (isAbsent(value)) return '{}';
  if (typeof value === 'string') {
    if (!isDataText(value)) {
      faults.push({
        code: 'event-text-invalid',
        pointer,
        detail: 'the text holds NUL or an unpaired surrogate',
      });
    }
    return JSON.stringify({ value });
  }
  const isObject = typeof value === 'object' && !Array.isArray(value);
  const checked = checkData(isObject ? value : { value }, pointer, context.limits);
  if (checked.ok) return checked.text;
  faults.push(...(isObject ? checked.faults : checked.faults.map((fault) => unwrap(fault, pointer))));
  return '';
}

/** Undoes in a pointer what wrapping did to the data. */
function unwrap(fault: Fault, pointer: string): Fault {
  const wrapped = `${pointer}/value`;
  return fault.pointer.startsWith(wrapped)
    ? { ...fault, pointer: pointer + fault.pointer.slice(wrapped.length) }
    : fault;
}

/** The size of the event in UTF-8 bytes when it exceeds the limit, else null. */
function eventBytesIfOver(event: DecodedEvent, bytesMax: number): number | null {
  const { id, source, type, subject, timeText, extensions, dataText } = event;
  let units =
    id.length + source.length + type.length + (subject?.length ?? 0) + timeText.length + dataText.length;
  for (const name in extensions) units += name.length + (extensions[name] as string).length;
  if (units * UTF8_BYTES_PER_UNIT_MAX <= bytesMax) return null;
  let bytes = 0;
  for (const text of [id, source, type, subject ?? '', timeText, dataText]) bytes += Buffer.byteLength(text);
  for (const [name, text] of Object.entries(extensions)) bytes += name.length + Buffer.byteLength(text);
  return bytes > bytesMax ? bytes : null;
}

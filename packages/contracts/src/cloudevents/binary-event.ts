/** CloudEvents over HTTP, binary mode: attributes in `ce-*` headers, the body is the data. */
import { isUtf8 } from 'node:buffer';
import type { Fault } from '@tidemark/core';
import { checkExtension } from './attributes.ts';
import type { EventContext, EventOutcome } from './event-outcome.ts';
import { isJsonMediaType, isUtf8Charset, parseMediaType } from './media-type.ts';
import { completeEvent, parseJsonData, type RawData } from './parse-event.ts';

/** As Node gives them: lower-case names, repeated ones joined or listed. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const PREFIX = 'ce-';
const REQUIRED_HEADERS = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'];
const ATTRIBUTES = new Set(['specversion', 'id', 'source', 'type', 'subject', 'time']);
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;

/** One of the required headers is enough to say what was meant; the others are then missing. */
export function isBinaryMode(headers: HttpHeaders): boolean {
  return REQUIRED_HEADERS.some((name) => headers[name] !== undefined);
}

export function parseBinaryEvent(headers: HttpHeaders, body: Buffer, context: EventContext): EventOutcome {
  const faults: Fault[] = [];
  const attributes: Record<string, string> = {};
  const extensions: Record<string, string> = {};
  for (const [header, sent] of Object.entries(headers)) {
    if (!header.startsWith(PREFIX) || sent === undefined) continue;
    const name = header.slice(PREFIX.length);
    const text = decodeHeaderValue(typeof sent === 'string' ? sent : sent.join(', '));
    if (text === null) {
      const detail = `the header ${header} is not percent-encoded UTF-8`;
      faults.push({ code: 'event-text-invalid', pointer: `/${name}`, detail });
    } else if (name === 'datacontenttype') {
      const detail = 'binary mode says it in Content-Type, not in ce-datacontenttype';
      faults.push({ code: 'invalid-event', pointer: '/datacontenttype', detail });
    } else if (ATTRIBUTES.has(name)) attributes[name] = text;
    else {
      const extension = checkExtension(name, text, context.limits, faults);
      if (extension !== null) extensions[name] = extension;
    }
  }
  const extensionCount = Object.keys(extensions).length;
  if (extensionCount > context.limits.extensionsMax) {
    const detail = `at most ${context.limits.extensionsMax} extension attributes, found ${extensionCount}`;
    faults.push({ code: 'invalid-event', pointer: '', detail });
  }
  const { specversion, id, source, type, subject, time } = attributes;
  const data = binaryData(headers['content-type'], body, faults);
  return completeEvent(
    { specversion, id, source, type, subject, time },
    extensions,
    data,
    faults,
    0,
    context,
  );
}

/**
 * HTTP binding 1.0, section 3.1.3.2: unquote, then one round of percent-decoding. Null when what comes out is not UTF-8
 * (`%C0%A0`), when a `%` does not begin an escape, or when the header holds bytes that should have been escaped.
 */
export function decodeHeaderValue(value: string): string | null {
  const quoted = QUOTED.exec(value)?.[1];
  const unquoted = quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, '$1');
  if (/[^\t -~]/.test(unquoted)) return null;
  if (!unquoted.includes('%')) return unquoted;
  try {
    return decodeURIComponent(unquoted);
  } catch {
    return null;
  }
}

function binaryData(contentType: HttpHeaders[string], body: Buffer, faults: Fault[]): RawData {
  const pointer = '/data';
  if (body.length === 0) return { value: undefined, pointer };
  const mediaType = typeof contentType === 'string' ? parseMediaType(contentType) : null;
  const isText =
    mediaType !== null && (isJsonMediaType(mediaType.essence) || mediaType.essence.startsWith('text/'));
  if (!isText) return { value: body.toString('base64'), pointer };
  if (!isUtf8Charset(mediaType.charset) || !isUtf8(body)) {
    faults.push({ code: 'event-text-invalid', pointer, detail: 'the data must be UTF-8' });
    return { value: undefined, pointer };
  }
  const text = body.toString('utf8');
  return isJsonMediaType(mediaType.essence) ? parseJsonData(text, pointer, faults) : { value: text, pointer };
}

/**
 * The JSON event format of a request in binary mode, faults and all: what of it can be decoded is decoded. For keeping what was
 * refused, never for parsing.
 */
export function toStructuredText(headers: HttpHeaders, body: Buffer): Buffer {
  const members: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [header, sent] of Object.entries(headers)) {
    if (!header.startsWith(PREFIX) || sent === undefined) continue;
    const text = typeof sent === 'string' ? sent : sent.join(', ');
    members[header.slice(PREFIX.length)] = decodeHeaderValue(text) ?? text;
  }
  const contentType = headers['content-type'];
  if (typeof contentType === 'string') members['datacontenttype'] = contentType;
  // As text where it is read as text, else as bytes: JSON may be malformed or nested too deeply to be written again.
  const essence = typeof contentType === 'string' ? parseMediaType(contentType)?.essence : undefined;
  if (essence?.startsWith('text/') === true && isUtf8(body)) members['data'] = body.toString('utf8');
  else if (body.length > 0) members['data_base64'] = body.toString('base64');
  return Buffer.from(JSON.stringify(members), 'utf8');
}

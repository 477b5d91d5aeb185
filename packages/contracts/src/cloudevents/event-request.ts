/** The body of `POST /api/v1/events` in every form it may take. */
import { isUtf8 } from 'node:buffer';
import { AppError } from '@tidemark/core';
import type { DecodedEvent } from '../event-record.ts';
import { FAULTS_PER_REQUEST_MAX } from '../limits.ts';
import { isBinaryMode, parseBinaryEvent, toStructuredText, type HttpHeaders } from './binary-event.ts';
import { rejected, type EventContext, type EventOutcome, type RejectedItem } from './event-outcome.ts';
import { isUtf8Charset, parseMediaType } from './media-type.ts';
import { parseStructuredEvent } from './parse-event.ts';
import { sliceWithin, splitJsonArray, type Slice } from './split-array.ts';

export interface EventRequest {
  readonly headers: HttpHeaders;
  /** After inflation. */
  readonly body: Buffer;
}

/** `received` = `events.length` + `rejected.length`. */
export interface ParsedEvents {
  readonly received: number;
  readonly events: readonly DecodedEvent[];
  /** In the order of the request, one for each event that is not accepted. */
  readonly rejected: readonly RejectedItem[];
}

export type EventMode = 'structured' | 'batch' | 'binary' | 'json' | 'ndjson';

const NEWLINE = 0x0a;
/** White space and escapes make the text of an event longer than the event; beyond this factor it is refused unparsed. */
const SENT_BYTES_PER_EVENT_BYTE_MAX = 4;

/**
 * HTTP binding 1.0, section 3: the content type decides, then the `ce-` headers; plain JSON and NDJSON carry the JSON event format.
 *
 * @throws unsupported-media-type
 */
export function selectEventMode(headers: HttpHeaders): EventMode {
  const sent = headers['content-type'];
  const mediaType = typeof sent === 'string' ? parseMediaType(sent) : null;
  const essence = mediaType?.essence ?? '';
  const mode = modeOfMediaType(essence, headers);
  if (mode === null) {
    throw new AppError(
      'unsupported-media-type',
      `Content-Type ${JSON.stringify(sent ?? '')} is not one of application/cloudevents+json, application/cloudevents-batch+json, application/json, application/x-ndjson, and there are no ce-* headers`,
    );
  }
  if (mode !== 'binary' && !isUtf8Charset(mediaType?.charset ?? null)) {
    throw new AppError(
      'unsupported-media-type',
      `charset ${mediaType?.charset} is not supported, only utf-8 is`,
    );
  }
  return mode;
}

function modeOfMediaType(essence: string, headers: HttpHeaders): EventMode | null {
  if (essence.startsWith('application/cloudevents-batch')) {
    return essence === 'application/cloudevents-batch+json' ? 'batch' : null;
  }
  if (essence.startsWith('application/cloudevents')) {
    return essence === 'application/cloudevents+json' ? 'structured' : null;
  }
  if (isBinaryMode(headers)) return 'binary';
  if (essence === 'application/json') return 'json';
  return essence === 'application/x-ndjson' || essence === 'application/ndjson' ? 'ndjson' : null;
}

/**
 * Every event of the request, accepted or rejected on its own: one bad event never sinks its batch.
 *
 * @throws unsupported-media-type; malformed-body when there is no telling one event from the next; batch-too-large
 */
export function parseEventRequest(request: EventRequest, context: EventContext): ParsedEvents {
  const { headers, body } = request;
  const mode = selectEventMode(headers);
  if (mode === 'binary') {
    return collect([parseBinaryEvent(headers, body, context)], () => toStructuredText(headers, body));
  }
  if (mode === 'ndjson') return parseLines(body, context);
  const form = mode === 'structured' ? 'one' : mode === 'batch' ? 'array' : 'any';
  return parseJsonEvents(body, form, context, parseStructuredEvent);
}

/** What a JSON body may be: one item, an array of items, or either. */
export type JsonForm = 'one' | 'array' | 'any';

/** From one item of a JSON body to its outcome; never throws. */
export type ItemParser = (value: unknown, index: number, context: EventContext) => EventOutcome;

/**
 * Every item of a JSON body by itself. Large arrays are parsed item by item, see `splitJsonArray`.
 *
 * @throws malformed-body, batch-too-large
 */
export function parseJsonEvents(
  body: Buffer,
  form: JsonForm,
  context: EventContext,
  parseItem: ItemParser,
): ParsedEvents {
  if (!isUtf8(body)) throw new AppError('malformed-body', 'the body is not UTF-8');
  if (body.length > sentBytesMax(context)) return parseLargeBody(body, form, context, parseItem);
  const parsed = parseJson(body);
  if (form === 'one' || (form === 'any' && !Array.isArray(parsed)))
    return collect([parseItem(parsed, 0, context)], () => body);
  if (!Array.isArray(parsed)) throw notAnArray();
  assertBatchSize(parsed.length, context);
  // Where an element stands is looked up only when one is refused.
  let slices: readonly Slice[] | null = null;
  return collect(
    parsed.map((value: unknown, index) => parseItem(value, index, context)),
    (index) => {
      slices ??= splitJsonArray(body, context.limits.batchEventsMax);
      return sliceWithin(body, slices?.[index]);
    },
  );
}

function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8')) as unknown;
  } catch (error) {
    throw new AppError('malformed-body', `the body is not JSON: ${describeSyntaxError(error)}`);
  }
}

/** V8 quotes up to ten characters around the fault; only the first or the position is kept, a body may hold secrets. */
function describeSyntaxError(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const position = /position \d+/.exec(message)?.[0];
  if (position !== undefined) return `unexpected character at ${position}`;
  const token = /^Unexpected token '(.)'/u.exec(message)?.[1];
  return token === undefined ? 'it ends too early' : `unexpected character ${JSON.stringify(token)}`;
}

function sentBytesMax(context: EventContext): number {
  return context.limits.eventBytesMax * SENT_BYTES_PER_EVENT_BYTE_MAX;
}

function parseLargeBody(
  body: Buffer,
  form: JsonForm,
  context: EventContext,
  parseItem: ItemParser,
): ParsedEvents {
  const slices = form === 'one' ? null : splitJsonArray(body, context.limits.batchEventsMax);
  if (slices === null) {
    if (form === 'array' || (form === 'any' && startsArray(body))) throw notAnArray();
    return collect([tooLarge(0, body.length, context)], () => body);
  }
  assertBatchSize(slices.length, context);
  const outcomes = slices.map(([start, end], index) =>
    end - start > sentBytesMax(context)
      ? tooLarge(index, end - start, context)
      : parseItem(parseJson(body.subarray(start, end)), index, context),
  );
  return collect(outcomes, (index) => sliceWithin(body, slices[index]));
}

function startsArray(body: Buffer): boolean {
  return body.toString('latin1', 0, 64).trimStart().startsWith('[');
}

/** A line that cannot be read is that line's reject; blank lines are skipped. */
function parseLines(body: Buffer, context: EventContext): ParsedEvents {
  const outcomes: EventOutcome[] = [];
  const slices: Slice[] = [];
  let line = 0;
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(NEWLINE, start);
    const end = newline === -1 ? body.length : newline;
    const slice = [start, end] as const;
    const bytes = body.subarray(...slice);
    start = end + 1;
    line += 1;
    if (isBlank(bytes)) continue;
    assertBatchSize(outcomes.length + 1, context);
    outcomes.push(parseLine(bytes, line, outcomes.length, context));
    slices.push(slice);
  }
  return collect(outcomes, (index) => sliceWithin(body, slices[index]));
}

function parseLine(bytes: Buffer, line: number, index: number, context: EventContext): EventOutcome {
  if (bytes.length > sentBytesMax(context)) return tooLarge(index, bytes.length, context);
  if (!isUtf8(bytes)) return rejected(index, null, 'event-text-invalid', '', `line ${line} is not UTF-8`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return rejected(
      index,
      null,
      'invalid-event',
      '',
      `line ${line} is not JSON: ${describeSyntaxError(error)}`,
    );
  }
  return parseStructuredEvent(value, index, context);
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function tooLarge(index: number, bytes: number, context: EventContext): EventOutcome {
  const detail = `the event takes ${bytes} bytes as sent, the limit is ${context.limits.eventBytesMax}`;
  return rejected(index, null, 'event-too-large', '', detail);
}

function notAnArray(): AppError {
  return new AppError('malformed-body', 'the body is not a JSON array');
}

/** @throws batch-too-large */
function assertBatchSize(count: number, context: EventContext): void {
  const { batchEventsMax } = context.limits;
  if (count <= batchEventsMax) return;
  throw new AppError(
    'batch-too-large',
    `the batch holds more than ${batchEventsMax} events; send it in parts`,
  );
}

/** @param sentItem called for refused items only, in order */
function collect(outcomes: readonly EventOutcome[], sentItem: (index: number) => Buffer): ParsedEvents {
  const events: DecodedEvent[] = [];
  const refused: RejectedItem[] = [];
  let faultsLeft = FAULTS_PER_REQUEST_MAX;
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.ok) {
      events.push(outcome.event);
      continue;
    }
    const { faults } = outcome.reject;
    const reject = faultsLeft > 0 ? outcome.reject : { ...outcome.reject, faults: faults.slice(0, 1) };
    refused.push({ reject, sent: sentItem(index) });
    faultsLeft -= faults.length;
  }
  return { received: outcomes.length, events, rejected: refused };
}

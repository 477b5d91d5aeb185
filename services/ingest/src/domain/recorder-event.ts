/** From a flat object to an event: the typed recorders of the packs, and a caller's own metric. */
import {
  parseStructuredEvent,
  type EventContext,
  type EventOutcome,
  type EventReject,
} from '@tidemark/contracts';
import type { Fault, JsonValue, Recorder } from '@tidemark/core';

const RECORDER_SOURCE = 'urn:tidemark:recorder';
/** The type of the events behind `POST /api/v1/analytics/metrics`. */
const CUSTOM_METRIC_TYPE = 'custom.metric';
const CUSTOM_METRIC_KINDS = ['counter', 'gauge', 'histogram'];
const CUSTOM_METRIC_KEYS = ['name', 'type', 'value', 'labels', 'id', 'time'];
const METRIC_NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/;
const LABEL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** A number that must not lose digits may come as text. */
const DECIMAL_TEXT = /^-?\d{1,38}(?:\.\d{1,18})?$/;

type FlatObject = Readonly<Record<string, unknown>>;

/** Where each part of the built event came from, to name faults by what the caller sent. */
interface Draft {
  readonly event: FlatObject;
  readonly faults: readonly Fault[];
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Beside the recorder's own keys, `id` (for sending again without counting twice) and `time` are taken.
 *
 * @param createId for objects without an id; random, so sending such an object again counts again
 */
export function parseRecorded(
  recorder: Recorder,
  value: unknown,
  index: number,
  context: EventContext,
  createId: () => string,
): EventOutcome {
  return finish(value, index, context, (object) => draftRecorded(recorder, object, createId));
}

/** What a recorder's objects become, also those that are refused. */
export function originOfRecorder(recorder: Recorder): {
  readonly eventType: string;
  readonly eventSource: string;
} {
  return { eventType: recorder.eventType, eventSource: `${RECORDER_SOURCE}:${recorder.name}` };
}

/** As `originOfRecorder`. */
export const CUSTOM_METRIC_ORIGIN = {
  eventType: CUSTOM_METRIC_TYPE,
  eventSource: `${RECORDER_SOURCE}:metric`,
};

/** `{name, type: counter|gauge|histogram, value, labels?, time?, id?}`. */
export function parseCustomMetric(
  value: unknown,
  index: number,
  context: EventContext,
  createId: () => string,
): EventOutcome {
  return finish(value, index, context, (object) => draftCustomMetric(object, createId));
}

function finish(
  value: unknown,
  index: number,
  context: EventContext,
  toDraft: (object: FlatObject) => Draft,
): EventOutcome {
  // Not an object: the parser of events says so in the same words.
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return parseStructuredEvent(value, index, context);
  }
  const { event, faults, origins } = toDraft(value as FlatObject);
  const outcome = parseStructuredEvent(event, index, context);
  const others = outcome.ok
    ? []
    : outcome.reject.faults.map((found) => ({ ...found, pointer: origin(found.pointer, origins) }));
  const [first, ...rest] = [...faults, ...others];
  if (first === undefined) return outcome;
  const { code, detail, pointer } = first;
  const sentId = (value as FlatObject)['id'];
  const reject: EventReject = {
    index,
    id: typeof sentId === 'string' ? sentId.slice(0, context.limits.idLengthMax) : null,
    code,
    detail,
    pointer,
    retryable: false,
    faults: [first, ...rest],
  };
  return { ok: false, reject };
}

/** The longest known beginning of the pointer is replaced by where it came from. */
function origin(pointer: string, origins: ReadonlyMap<string, string>): string {
  for (let end = pointer.length; end > 0; end = pointer.lastIndexOf('/', end - 1)) {
    const from = origins.get(pointer.slice(0, end));
    if (from !== undefined) return from + pointer.slice(end);
  }
  return pointer;
}

function draftRecorded(recorder: Recorder, object: FlatObject, createId: () => string): Draft {
  const faults: Fault[] = [];
  const origins = new Map<string, string>();
  const event: Record<string, unknown> = attributes(object, recorder.eventType, recorder.name, createId);
  const data: Record<string, JsonValue> = {};
  for (const { from, field, type, required } of recorder.fields) {
    const value = Object.hasOwn(object, from) ? object[from] : undefined;
    if (value === undefined || value === null) {
      if (required) faults.push(fault(from, `is required: a ${type}`));
      continue;
    }
    if (!fits(value, type)) faults.push(fault(from, `must be a ${type}, found ${describe(value)}`));
    else {
      const path = field.split('.');
      origins.set(`/${path.join('/')}`, `/${from}`);
      if (path[0] === 'data') setPath(data, path.slice(1), value);
      else event[field] = value;
    }
  }
  const known = [...recorder.fields.map(({ from }) => from), 'id', 'time'];
  faults.push(...unknownKeys(object, known));
  return { event: { ...event, data }, faults, origins };
}

function draftCustomMetric(object: FlatObject, createId: () => string): Draft {
  const faults: Fault[] = [];
  const { name, type, value, labels } = object;
  if (typeof name !== 'string' || !METRIC_NAME.test(name)) {
    faults.push(
      fault('name', `must be a name of letters, digits and _.:- (at most 128), found ${describe(name)}`),
    );
  }
  if (typeof type !== 'string' || !CUSTOM_METRIC_KINDS.includes(type)) {
    faults.push(fault('type', `must be one of ${CUSTOM_METRIC_KINDS.join(', ')}, found ${describe(type)}`));
  }
  if (!fits(value, 'number')) faults.push(fault('value', `must be a number, found ${describe(value)}`));
  faults.push(...labelFaults(labels), ...unknownKeys(object, CUSTOM_METRIC_KEYS));
  const event = attributes(object, CUSTOM_METRIC_TYPE, 'metric', createId);
  const origins = new Map(['name', 'type', 'value', 'labels'].map((key) => [`/data/${key}`, `/${key}`]));
  return { event: { ...event, data: { name, type, value, labels: labels ?? {} } }, faults, origins };
}

function labelFaults(labels: unknown): Fault[] {
  if (labels === undefined || labels === null) return [];
  if (typeof labels !== 'object' || Array.isArray(labels)) {
    return [fault('labels', `must be an object of texts, found ${describe(labels)}`)];
  }
  return Object.entries(labels).flatMap(([key, value]) => {
    const isSound = LABEL_NAME.test(key) && ['string', 'number', 'boolean'].includes(typeof value);
    const detail = `must be a text, a number or a boolean under a name of letters, digits and _, found ${describe(value)}`;
    return isSound ? [] : [fault(`labels/${escapeStep(key)}`, detail)];
  });
}

function attributes(
  object: FlatObject,
  type: string,
  recorder: string,
  createId: () => string,
): Record<string, unknown> {
  const { id, time } = object;
  return { specversion: '1.0', id: id ?? createId(), source: `${RECORDER_SOURCE}:${recorder}`, type, time };
}

function fits(value: unknown, type: 'string' | 'number' | 'boolean'): value is string | number | boolean {
  return (
    typeof value === type || (type === 'number' && typeof value === 'string' && DECIMAL_TEXT.test(value))
  );
}

/** Paths come from a pack's declaration, never from a caller. */
function setPath(data: Record<string, JsonValue>, path: readonly string[], value: JsonValue): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) data[key] = value;
  else setPath((data[key] ??= {}) as Record<string, JsonValue>, rest, value);
}

function unknownKeys(object: FlatObject, known: readonly string[]): Fault[] {
  const unknown = Object.keys(object).filter((key) => !known.includes(key));
  return unknown.slice(0, 20).map((key) => fault(escapeStep(key), `is not one of ${known.join(', ')}`));
}

function fault(path: string, detail: string): Fault {
  return { code: 'invalid-event', pointer: `/${path}`, detail };
}

function escapeStep(key: string): string {
  return key.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

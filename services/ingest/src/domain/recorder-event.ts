/** From a flat object to an event: the typed recorders of the packs. */
import {
  parseStructuredEvent,
  type EventContext,
  type EventOutcome,
  type EventReject,
} from '@tidemark/contracts';
import { assertNever, type Fault, type JsonValue, type Recorder, type RecorderField } from '@tidemark/core';

const RECORDER_SOURCE = 'urn:tidemark:recorder';
/** Of one object of labels: each becomes a path of its own in the raw table. */
export const LABELS_MAX = 32;
export const LABEL_VALUE_LENGTH_MAX = 256;
export const LABEL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** Faults listed of keys that nobody knows, and of labels. */
const FAULTS_OF_KEYS_MAX = 20;

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
  return { eventType: recorder.eventType, eventSource: sourceOf(recorder) };
}

function sourceOf({ name }: Recorder): string {
  return name === null ? RECORDER_SOURCE : `${RECORDER_SOURCE}:${name}`;
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
  const event: Record<string, unknown> = attributes(object, recorder, createId);
  const data: Record<string, JsonValue> = {};
  for (const declared of recorder.fields) {
    const { from, field, type, required } = declared;
    const value = Object.hasOwn(object, from) ? object[from] : undefined;
    if (value === undefined || value === null) {
      if (required) faults.push(fault(from, `is required: ${articleOf(type)}`));
      continue;
    }
    const found = valueFaults(declared, value);
    faults.push(...found);
    if (found.length > 0) continue;
    const path = field.split('.');
    origins.set(`/${path.join('/')}`, `/${from}`);
    if (path[0] === 'data') setPath(data, path.slice(1), value as JsonValue);
    else event[field] = value;
  }
  const known = [...recorder.fields.map(({ from }) => from), 'id', 'time'];
  faults.push(...unknownKeys(object, known));
  return { event: { ...event, data }, faults, origins };
}

function valueFaults({ from, type, enum: values, pattern }: RecorderField, value: unknown): Fault[] {
  switch (type) {
    case 'labels':
      return labelFaults(from, value);
    case 'number':
    case 'boolean':
    case 'string':
      if (!fits(value, type)) return [fault(from, `must be ${articleOf(type)}, found ${describe(value)}`)];
      if (values !== undefined && !values.includes(String(value))) {
        return [fault(from, `must be one of ${values.join(', ')}, found ${describe(value)}`)];
      }
      if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(String(value))) {
        return [fault(from, `must match ${pattern}, found ${describe(value)}`)];
      }
      return [];
    default:
      return assertNever(type);
  }
}

function labelFaults(from: string, labels: unknown): Fault[] {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    return [fault(from, `must be ${articleOf('labels')}, found ${describe(labels)}`)];
  }
  const entries = Object.entries(labels);
  const faults = entries.flatMap(([key, value]) => {
    const detail = labelFault(key, value);
    return detail === null ? [] : [fault(`${from}/${escapeStep(key)}`, detail)];
  });
  const shown = faults.slice(0, FAULTS_OF_KEYS_MAX);
  if (entries.length <= LABELS_MAX) return shown;
  return [fault(from, `has ${entries.length} labels, at most ${LABELS_MAX} are taken`), ...shown];
}

function labelFault(key: string, value: unknown): string | null {
  if (!LABEL_NAME.test(key)) return 'must have a name of letters, digits and _ (at most 64)';
  if (!['string', 'number', 'boolean'].includes(typeof value)) {
    return `must be a text, a number or a boolean, found ${describe(value)}`;
  }
  const { length } = String(value);
  return length <= LABEL_VALUE_LENGTH_MAX
    ? null
    : `has ${length} characters, at most ${LABEL_VALUE_LENGTH_MAX} are taken`;
}

function attributes(object: FlatObject, recorder: Recorder, createId: () => string): Record<string, unknown> {
  const { id, time } = object;
  const source = sourceOf(recorder);
  return { specversion: '1.0', id: id ?? createId(), source, type: recorder.eventType, time };
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
  return unknown
    .slice(0, FAULTS_OF_KEYS_MAX)
    .map((key) => fault(escapeStep(key), `is not one of ${known.join(', ')}`));
}

function fault(path: string, detail: string): Fault {
  return { code: 'invalid-event', pointer: `/${path}`, detail };
}

function escapeStep(key: string): string {
  return key.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
}

function articleOf(type: RecorderField['type']): string {
  return type === 'labels' ? 'an object of texts, numbers and booleans' : `a ${type}`;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** One event of the load: all it says follows from a few drawn numbers, and most of that from its tokens alone. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '@tidemark/core';
import type { SaidInRaw } from './content.ts';
import { HOSTILE_DATA } from './hostile-data.ts';
import type { Random } from './random.ts';
import { describeSlot, isHttpSlot, ORGANIZATION_NAMES, slotOfSerial } from './slots.ts';

const LLM_TYPE = 'llm.request';
const HTTP_TYPE = 'http.request';
const LATE_DAYS_HOURS = 72;
/** Very late events share their minutes: each of these is made again and again, and there are not too many to be verified. */
const LATE_SPREAD_MS = 3 * MINUTE_MS;
/** What tells another payload of the same event from the first. */
const OTHER_PAYLOAD_TOKENS = 1_000_000;
const OTHER_PAYLOAD_SHIFT_MS = 3 * MINUTE_MS;
const MICRO = 1_000_000;
/** Fewer than a distinct count tells exactly. */
const USERS = 1_800;
const MODELS = 4;
const SUBJECTS = 50;
const SHARDS = 7;

export interface EventFacts {
  /** Names (organization, source, id) within one run: see `slotOf`. */
  readonly slot: number;
  readonly timeMs: number;
  readonly tokens: number;
}

export interface MadeEvent {
  readonly facts: EventFacts;
  /** The CloudEvent. */
  readonly event: Readonly<Record<string, unknown>>;
  readonly said: SaidInRaw;
}

export interface EventOptions {
  readonly serial: number;
  readonly isTwin: boolean;
  readonly organization: number;
  readonly baseMs: number;
  readonly isOther: boolean;
}

/** Draws the same numbers whatever the options are. */
export function makeEvent(random: Random, options: EventOptions): MadeEvent {
  const { serial, isTwin, organization, baseMs, isOther } = options;
  const drawnMs = baseMs - lateness(random);
  const drawnTokens = random.integer(1, 4_000);
  const hostile = random.chance(0.02) ? random.pick(HOSTILE_DATA) : {};
  const timeMs = isOther ? drawnMs - OTHER_PAYLOAD_SHIFT_MS : drawnMs;
  const tokens = isOther ? drawnTokens + OTHER_PAYLOAD_TOKENS : drawnTokens;
  const slot = slotOfSerial(serial, isTwin);
  const time = toNanoseconds(timeMs, tokens);
  const type = isHttpSlot(slot) ? HTTP_TYPE : LLM_TYPE;
  const subject = `s-${tokens % SUBJECTS}`;
  const data = { ...hostile, ...dataOf(slot, tokens, organization) };
  const { source, id } = describeSlot(slot);
  const extensions = { shard: serial % SHARDS, canary: tokens % 2 === 0 };
  return {
    facts: { slot, timeMs, tokens },
    event: { specversion: '1.0', id, source, type, subject, time, ...extensions, data },
    said: {
      type,
      subject,
      time: time.replace('T', ' ').slice(0, -1),
      extensions: { shard: String(extensions.shard), canary: String(extensions.canary) },
      // As it travels: `-0` is 0 in JSON.
      data: JSON.parse(JSON.stringify(data)),
    },
  };
}

function dataOf(slot: number, tokens: number, organization: number): Readonly<Record<string, unknown>> {
  const common = { service: serviceOf(organization), user: userOf(tokens), prompt_tokens: tokens };
  return isHttpSlot(slot)
    ? { ...common, duration_ms: latencyOf(tokens), status: 200 }
    : {
        ...common,
        model: modelOf(tokens),
        session: sessionOf(slot),
        cost: microText(tokens),
        latency_ms: latencyOf(tokens),
      };
}

/** Nine decimals, the last six of which say nothing but must be kept. */
function toNanoseconds(timeMs: number, tokens: number): string {
  return new Date(timeMs).toISOString().replace('Z', `${String(tokens % MICRO).padStart(6, '0')}Z`);
}

/** Most are of this moment, some a little late, a few late by days. */
function lateness(random: Random): number {
  const draw = random.next();
  if (draw < 0.8) return random.integer(0, 2 * SECOND_MS);
  if (draw < 0.94) return random.integer(MINUTE_MS, HOUR_MS);
  return random.integer(1, LATE_DAYS_HOURS) * HOUR_MS + random.integer(0, LATE_SPREAD_MS);
}

/** The value of the dimension `service` of every event of the organization, and of no other. */
export function serviceOf(organization: number): string {
  return `svc-${ORGANIZATION_NAMES[organization]}`;
}

export function userOf(tokens: number): string {
  return `u-${tokens % USERS}`;
}

export function modelOf(tokens: number): string {
  return `m-${tokens % MODELS}`;
}

/** Of one event alone. */
export function sessionOf(slot: number): string {
  return `c-${slot}`;
}

/** ms, with half milliseconds. */
export function latencyOf(tokens: number): number {
  return 20 + tokens * 1.5;
}

/** Millionths as a decimal number. */
export function microText(micros: number): string {
  return `${Math.floor(micros / MICRO)}.${String(micros % MICRO).padStart(6, '0')}`;
}

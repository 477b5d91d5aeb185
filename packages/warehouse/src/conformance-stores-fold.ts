/** The oracle of rollups: state rows made from a list of events by loops, in exact integers. Shares no code with the SQL. */
import type { JsonValue, Tier } from '@tidemark/core';

export interface FoldEvent {
  readonly id: string;
  readonly timeMs: number;
  /** Below the millisecond: the last six of nine decimals. */
  readonly nanos: number;
  /** Values of the dimensions as they stand in `data`; undefined when absent. */
  readonly dimensions: readonly (JsonValue | undefined)[];
  readonly value: JsonValue | undefined;
}

/** Decimals as text without trailing zeros; null when no event had a value. */
export interface FoldState {
  readonly bucketMs: number;
  readonly dimensions: readonly string[];
  readonly events: number;
  readonly valueCount: number;
  readonly sum: string;
  readonly min: string | null;
  readonly max: string | null;
  readonly last: string | null;
  readonly unique: number;
  /** All values, ascending. */
  readonly values: readonly number[];
}

const SCALE = 12;
const ONE = 10n ** BigInt(SCALE);
const LIMIT = 10n ** 15n * ONE;
const WIDTHS_MS: Readonly<Record<Tier, number>> = { '1m': 60_000, '15m': 900_000, '1d': 86_400_000 };
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** '' for what is absent, null or an object. */
export function textOfJson(value: JsonValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

/** In units of 10^-12, cut towards zero; null unless the text is a number below 10^15. */
export function decimalOf(text: string): bigint | null {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (sign === undefined || whole + fraction === '') return null;
  const shift = SCALE - fraction.length + Number(exponent);
  if (Math.abs(shift) > 100) return shift > 0 && BigInt(whole + fraction) !== 0n ? null : 0n;
  const digits = BigInt(whole + fraction);
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  if (scaled >= LIMIT) return null;
  return sign === '-' ? -scaled : scaled;
}

export function decimalText(scaled: bigint): string {
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(SCALE + 1, '0');
  const fraction = digits.slice(-SCALE).replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -SCALE)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** State rows of one tier, by bucket and dimensions. */
export function foldStates(
  events: readonly FoldEvent[],
  tier: Tier,
  kind: 'none' | 'number' | 'text',
): FoldState[] {
  const groups = new Map<string, FoldEvent[]>();
  for (const event of events) {
    const bucketMs = Math.floor(event.timeMs / WIDTHS_MS[tier]) * WIDTHS_MS[tier];
    const key = JSON.stringify([bucketMs, event.dimensions.map(textOfJson)]);
    const group = groups.get(key) ?? [];
    group.push(event);
    groups.set(key, group);
  }
  return [...groups].map(([key, group]) => {
    const [bucketMs, dimensions] = JSON.parse(key) as [number, string[]];
    return { bucketMs, dimensions, events: group.length, ...foldValues(group, kind) };
  });
}

function foldValues(
  events: readonly FoldEvent[],
  kind: 'none' | 'number' | 'text',
): Omit<FoldState, 'bucketMs' | 'dimensions' | 'events'> {
  const texts =
    kind === 'text' ? events.map(({ value }) => textOfJson(value)).filter((text) => text !== '') : [];
  let sum = 0n;
  let last: { readonly event: FoldEvent; readonly scaled: bigint } | null = null;
  const found: bigint[] = [];
  for (const event of kind === 'number' ? events : []) {
    const scaled = decimalOf(textOfJson(event.value));
    if (scaled === null) continue;
    sum += scaled;
    found.push(scaled);
    if (last === null || isLater(event, last.event)) last = { event, scaled };
  }
  const sorted = found.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const textOrNull = (scaled: bigint | undefined) => (scaled === undefined ? null : decimalText(scaled));
  return {
    valueCount: kind === 'text' ? texts.length : found.length,
    sum: decimalText(sum),
    min: textOrNull(sorted[0]),
    max: textOrNull(sorted.at(-1)),
    last: textOrNull(last?.scaled),
    unique: new Set(texts).size,
    values: sorted.map((scaled) => Number(decimalText(scaled))),
  };
}

function isLater(a: FoldEvent, b: FoldEvent): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs > b.timeMs;
  return a.nanos === b.nanos ? a.id > b.id : a.nanos > b.nanos;
}

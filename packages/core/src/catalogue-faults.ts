/** Rules of declarations that more than one kind of declaration follows. */
import { conditionValueFault } from './catalogue-condition.ts';
import { isFieldReference, type FieldCondition } from './metric.ts';

export type Report = (pointer: string, detail: string) => void;

/** Keys of dimensions and of attributes. */
export const DIMENSION_KEY = /^[a-z][a-z0-9_]{0,63}$/;
const PACK_MEMBER_KEY = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){1,4}$/;
const PACK_MEMBER_KEY_LENGTH_MAX = 128;

/** @param at where the key itself stands */
export function checkMemberKey(
  { key, packKey, noun }: { readonly key: string; readonly packKey: string; readonly noun: string },
  at: string,
  report: Report,
): void {
  if (!PACK_MEMBER_KEY.test(key) || key.length > PACK_MEMBER_KEY_LENGTH_MAX) {
    report(at, `${quote(key)} is no ${noun} (<pack>.<name>, a-z 0-9 _)`);
  } else if (!key.startsWith(`${packKey}.`)) {
    report(at, `${quote(key)} does not begin with its pack, ${quote(`${packKey}.`)}`);
  }
}

export function checkCondition({ field, op, value }: FieldCondition, at: string, report: Report): void {
  checkField(field, `${at}/field`, report);
  const detail = conditionValueFault(op, value);
  if (detail !== null) report(`${at}/value`, detail);
}

export function checkEventType(type: string, known: ReadonlySet<string>, at: string, report: Report): void {
  if (!known.has(type)) report(at, `${quote(type)} is not an event type of the pack`);
}

export function checkField(field: string, at: string, report: Report): void {
  if (!isFieldReference(field)) {
    report(at, `${quote(field)} is no field reference (data.<key>, subject, source or type)`);
  }
}

export function reportDuplicates(
  keys: readonly (readonly [key: string, pointer: string])[],
  noun: string,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const [key, pointer] of keys) {
    if (seen.has(key)) report(pointer, `${noun} ${quote(key)} is declared twice`);
    seen.add(key);
  }
}

export function quote(text: string): string {
  return JSON.stringify(text);
}

export function checkLevel(
  metric: { readonly aggregation: string; readonly level?: number },
  at: string,
  report: Report,
): void {
  if (metric.aggregation === 'quantile') {
    if (metric.level === undefined || !(metric.level > 0 && metric.level < 1)) {
      report(`${at}/level`, `a quantile needs a level between 0 and 1, found ${String(metric.level)}`);
    }
  } else if (metric.level !== undefined) {
    report(`${at}/level`, `only a quantile has a level, not ${metric.aggregation}`);
  }
}

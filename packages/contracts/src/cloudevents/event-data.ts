/**
 * What the data of an event may be. The first pass only says yes or "look closer", because nearly every event is fine; the second names
 * every fault and its place.
 */
import type { Fault } from '@tidemark/core';
import { FAULTS_PER_EVENT_MAX, type EventLimits } from '../limits.ts';
import { isDataText, pointerStep } from '../text.ts';

interface KeyBudget {
  keysLeft: number;
  readonly depthMax: number;
}

/**
 * False when the data needs the close look. Text is not looked at here: `JSON.stringify` escapes exactly what is forbidden
 * (NUL and lone surrogates, among other control characters), so `\u` in its output is the sign to look for.
 */
function isSurelySound(node: object, depth: number, budget: KeyBudget): boolean {
  if (depth > budget.depthMax) return false;
  if (Array.isArray(node)) {
    for (const value of node as readonly unknown[]) {
      if (!isSurelySoundValue(value, depth, budget)) return false;
    }
    return true;
  }
  const object = node as Readonly<Record<string, unknown>>;
  for (const key in object) {
    if ((budget.keysLeft -= 1) < 0) return false;
    if (key === '__proto__' || key === 'constructor' || key.includes('.')) return false;
    if (!isSurelySoundValue(object[key], depth, budget)) return false;
  }
  return true;
}

function isSurelySoundValue(value: unknown, depth: number, budget: KeyBudget): boolean {
  if (typeof value === 'number') {
    return value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER;
  }
  return typeof value !== 'object' || value === null || isSurelySound(value, depth + 1, budget);
}

export type CheckedData =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * The JSON text of the data as it goes to the bus and the warehouse, or every fault of it.
 *
 * @param data an object fresh from `JSON.parse`
 * @param pointer where the object stands in what was sent
 */
export function checkData(data: object, pointer: string, limits: EventLimits): CheckedData {
  const budget: KeyBudget = { keysLeft: limits.dataKeysMax, depthMax: limits.dataDepthMax };
  if (isSurelySound(data, 1, budget)) {
    const text = JSON.stringify(data);
    if (!text.includes('\\u')) return { ok: true, text };
  }
  const inspection: Inspection = { faults: [], keys: 0, limits };
  inspect(data, pointer, 1, { path: '', seen: new Map() }, inspection);
  return inspection.faults.length === 0
    ? { ok: true, text: JSON.stringify(data) }
    : { ok: false, faults: inspection.faults };
}

interface Inspection {
  readonly faults: Fault[];
  keys: number;
  readonly limits: EventLimits;
}

/** The leaves of one JSON object of the warehouse by path; the objects within an array are each their own. */
interface PathScope {
  readonly path: string;
  readonly seen: Map<string, string>;
}

function inspect(
  node: object,
  pointer: string,
  depth: number,
  scope: PathScope,
  inspection: Inspection,
): void {
  const { limits, faults } = inspection;
  if (faults.length >= FAULTS_PER_EVENT_MAX) return;
  if (depth > limits.dataDepthMax) {
    addFault(inspection, 'event-too-deep', pointer, `nested deeper than ${limits.dataDepthMax} levels`);
    return;
  }
  if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) {
      const itemScope = { path: '', seen: new Map<string, string>() };
      inspectValue(item, `${pointer}${pointerStep(index)}`, depth, itemScope, inspection, false);
    }
    return;
  }
  for (const [key, value] of Object.entries(node)) {
    inspection.keys += 1;
    if (inspection.keys === limits.dataKeysMax + 1) {
      addFault(inspection, 'event-too-many-keys', pointer, `more than ${limits.dataKeysMax} keys`);
    }
    if (inspection.keys > limits.dataKeysMax) return;
    const at = `${pointer}${pointerStep(key)}`;
    inspectKey(key, value, at, inspection);
    const path = scope.path === '' ? key : `${scope.path}.${key}`;
    inspectValue(value, at, depth, { path, seen: scope.seen }, inspection, true);
  }
}

function inspectKey(key: string, value: unknown, at: string, inspection: Inspection): void {
  if (key === '__proto__') addFault(inspection, 'invalid-event', at, 'the key __proto__ is not permitted');
  if (
    key === 'constructor' &&
    typeof value === 'object' &&
    value !== null &&
    Object.hasOwn(value, 'prototype')
  ) {
    addFault(inspection, 'invalid-event', at, 'the keys constructor.prototype are not permitted');
  }
  if (!isDataText(key)) {
    addFault(inspection, 'event-text-invalid', at, 'the key holds NUL or an unpaired surrogate');
  }
}

function inspectValue(
  value: unknown,
  at: string,
  depth: number,
  scope: PathScope,
  inspection: Inspection,
  isMember: boolean,
): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMember && !isObject) {
    const other = scope.seen.get(scope.path);
    if (other === undefined) scope.seen.set(scope.path, at);
    else {
      const detail = `"." separates levels in the warehouse, so this is the same field as ${other}`;
      addFault(inspection, 'invalid-event', at, detail);
    }
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    addFault(inspection, 'invalid-event', at, 'the number is too large for a double');
  } else if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    addFault(inspection, 'invalid-event', at, 'integers beyond 2^53 lose digits (RFC 7493): send it as text');
  } else if (typeof value === 'string' && !isDataText(value)) {
    addFault(inspection, 'event-text-invalid', at, 'the text holds NUL or an unpaired surrogate');
  } else if (typeof value === 'object' && value !== null) {
    inspect(value, at, depth + 1, scope, inspection);
  }
}

function addFault(inspection: Inspection, code: Fault['code'], pointer: string, detail: string): void {
  if (inspection.faults.length < FAULTS_PER_EVENT_MAX) inspection.faults.push({ code, pointer, detail });
}

/** Slots name the events of one run: (organization, source, id) as a number, and back. */

export const ORGANIZATION_NAMES = ['amber', 'birch', 'cedar'] as const;
const SOURCES = ['/faults/east', '/faults/west'] as const;
/** Serial numbers of one batch; some of them stay unused. */
export const BATCH_SERIALS = 64;
/** Every eighth event is of another type than the others. */
const HTTP_EVERY = 8;

export interface EventName {
  readonly organization: string;
  readonly source: string;
  readonly id: string;
}

/** Index into `ORGANIZATION_NAMES`. @param isTwin sent again under the next organization */
export function organizationOf(batch: number, isTwin: boolean): number {
  return (batch + Number(isTwin)) % ORGANIZATION_NAMES.length;
}

export function slotOfSerial(serial: number, isTwin: boolean): number {
  return serial * 2 + Number(isTwin);
}

/** Null when no request of a run with this generator carries such an event. */
export function slotOf(organization: string, source: string, id: string): number | null {
  const serial = Number(/^f-(\d{1,15})$/.exec(id)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(serial) || SOURCES[serial % SOURCES.length] !== source) return null;
  const batch = Math.floor(serial / BATCH_SERIALS);
  const found = ORGANIZATION_NAMES.findIndex((name) => name === organization);
  if (found === -1) return null;
  if (found === organizationOf(batch, false)) return slotOfSerial(serial, false);
  return found === organizationOf(batch, true) ? slotOfSerial(serial, true) : null;
}

/** For people, and for requests: what a slot stands for. */
export function describeSlot(slot: number): EventName {
  const serial = Math.floor(slot / 2);
  return {
    organization: ORGANIZATION_NAMES[organizationOfSlot(slot)] ?? '',
    source: SOURCES[serial % SOURCES.length] ?? '',
    id: `f-${serial}`,
  };
}

/** Index into `ORGANIZATION_NAMES`. */
export function organizationOfSlot(slot: number): number {
  return organizationOf(Math.floor(Math.floor(slot / 2) / BATCH_SERIALS), slot % 2 === 1);
}

/** Whether it is a request of a service over HTTP; the others are calls of a language model. */
export function isHttpSlot(slot: number): boolean {
  return Math.floor(slot / 2) % HTTP_EVERY === HTTP_EVERY - 1;
}

/** Builders for this service's tests. */
import type { BusRecord } from '@tidemark/bus';
import { encodeEventRecord } from '@tidemark/contracts';
import { parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';

export const NOON_MS = Date.UTC(2026, 0, 15, 12);

export function organization(text = 'acme'): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw new Error(`not an organization id: ${text}`);
  return id;
}

/** A record as ingest writes it. */
export function eventRecord(
  offset: number,
  options: {
    readonly id?: string;
    readonly timeMs?: number;
    readonly arrivedAtMs?: number;
    readonly organization?: string;
    readonly data?: string;
  } = {},
): BusRecord {
  const timeMs = options.timeMs ?? NOON_MS;
  const record = encodeEventRecord(
    {
      organization: organization(options.organization),
      id: options.id ?? `event-${offset}`,
      source: 'tests',
      type: 'test.happened',
      subject: null,
      timeMs,
      timeText: new Date(timeMs).toISOString(),
      extensions: {},
      dataText: options.data ?? '{"amount":1}',
    },
    options.arrivedAtMs ?? NOON_MS,
  );
  return { ...record, offset };
}

export function poisonRecord(offset: number): BusRecord {
  return { key: 'k', value: Buffer.from('not json'), headers: {}, timestampMs: NOON_MS, offset };
}

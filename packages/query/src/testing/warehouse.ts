/** One warehouse in this process, and the ways in which tests fill it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OrganizationId, parseOrganizationId } from '@tidemark/core';
import {
  createEventStore,
  createRollupStore,
  type EventStore,
  type RollupStore,
  WAREHOUSE_MIGRATIONS,
  type WarehouseExecutor,
} from '@tidemark/warehouse';
import type { FoldEvent } from './fold-metrics.ts';

export interface TestWarehouse {
  readonly executor: WarehouseExecutor;
  readonly events: EventStore;
  readonly rollups: RollupStore;
  /** @param dataText what the event carries, as JSON */
  store(
    organization: OrganizationId,
    batch: readonly FoldEvent[],
    dataText: (event: FoldEvent) => string,
  ): Promise<void>;
  close(): Promise<void>;
}

/** @param open an executor over a new directory; of a few hundred rows threads cost more than they bring */
export async function openTestWarehouse(
  open: (options: {
    readonly path: string;
    readonly settings: Readonly<Record<string, number>>;
  }) => WarehouseExecutor,
): Promise<TestWarehouse> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-query-'));
  const executor = open({ path: directory, settings: { max_threads: 1 } });
  for (const sql of WAREHOUSE_MIGRATIONS.flatMap(({ statements }) => statements)) {
    await executor.command({ sql });
  }
  const events = createEventStore(executor, { insertTimeoutMs: 30_000, queryTimeoutMs: 30_000 });
  let nextOffset = 0;
  return {
    executor,
    events,
    rollups: createRollupStore(executor),
    async store(organization, batch, dataText) {
      const token = `from ${nextOffset}`;
      const rows = batch.map((event) => ({
        organization,
        type: event.type,
        timeText: timeText(event.timeNs),
        id: event.id,
        source: 'test',
        subject: event.subject === '' ? null : event.subject,
        dataText: dataText(event),
        extensions: {},
        receivedAtMs: RECEIVED_AT_MS,
        identity: String(nextOffset),
        content: '0',
        offset: nextOffset++,
      }));
      await events.insert({ topic: 'events', partition: 0, rows }, token);
    },
    async close() {
      await executor.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** All on one day: rows of one insert that arrived on several would be several parts. */
const RECEIVED_AT_MS = Date.parse('2024-04-01T20:00:00Z');

export function organizationId(text: string): OrganizationId {
  const id = parseOrganizationId(text);
  if (id === null) throw new Error(`${text} is no organization id`);
  return id;
}

function timeText(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
}

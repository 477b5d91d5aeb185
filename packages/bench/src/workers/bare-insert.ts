/** The ceiling of storing: the same rows, already encoded, in large inserts one after the other. */
import type { OrganizationId } from '@tidemark/core';
import { createEventStore, EVENTS_TABLE } from '@tidemark/warehouse';
import type { EventRow, RowInsert } from '@tidemark/warehouse';
import { createRandom, EVENT_TYPE, sampleData } from '../sample-events.ts';
import { createWarehouseOpener } from './bare-warehouse.ts';
import type { InsertRequest, WorkerService } from './protocol.ts';

const TIMEOUT_MS = 60_000;

export function openBareInserter(): WorkerService<'bare-insert'> {
  const opener = createWarehouseOpener();
  let firstOffset = 0;
  return {
    async answer(request) {
      const warehouse = await opener.open(request.target);
      const inserts = await encodeInserts(request, firstOffset);
      firstOffset += request.rows;
      const startedAtMs = performance.now();
      for (const insert of inserts) await warehouse.insert(insert);
      return { elapsedMs: performance.now() - startedAtMs };
    },
    close: () => opener.close(),
  };
}

/** Rows in the product's own encoding, before the clock runs. */
async function encodeInserts(
  { rows, batchRows, seed }: InsertRequest,
  firstOffset: number,
): Promise<readonly RowInsert[]> {
  const inserts: RowInsert[] = [];
  const random = createRandom(seed);
  const refuse = (): never => {
    throw new Error('Assertion failed: encoding asks no question');
  };
  const encoder = createEventStore(
    {
      capabilities: { shared: false },
      insert: async (insert) => void inserts.push(insert),
      query: refuse,
      stream: refuse,
      command: refuse,
      ping: refuse,
      close: refuse,
    },
    { insertTimeoutMs: TIMEOUT_MS, queryTimeoutMs: TIMEOUT_MS },
  );
  for (let start = 0; start < rows; start += batchRows) {
    const count = Math.min(batchRows, rows - start);
    const batch = Array.from({ length: count }, (_, at) => sampleRow(firstOffset + start + at, random));
    await encoder.insert({ topic: EVENTS_TABLE, partition: 0, rows: batch }, `bare:${firstOffset + start}`);
  }
  return inserts;
}

function sampleRow(offset: number, random: () => number): EventRow {
  const receivedAtMs = Date.now();
  const identity = (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32));
  return {
    organization: 'default' as OrganizationId,
    type: EVENT_TYPE,
    timeText: new Date(receivedAtMs).toISOString(),
    id: String(offset).padStart(12, '0'),
    source: '/bench/bare',
    subject: null,
    dataText: JSON.stringify(sampleData(random)),
    extensions: {},
    receivedAtMs,
    identity: identity.toString(),
    content: String(Math.floor(random() * 2 ** 53)),
    offset,
  };
}

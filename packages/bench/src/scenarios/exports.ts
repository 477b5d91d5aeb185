import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DAY_MS, type ExportFormat, HOUR_MS, type OrganizationId, parseOrganizationId } from '@tidemark/core';
import { exportTable } from '@tidemark/exports';
import { createEventsExport, type EventsExport } from '@tidemark/query';
import { createChdbExecutor, WAREHOUSE_MIGRATIONS } from '@tidemark/warehouse';

const MEGABYTE = 1_000_000;
/** Beyond the memory that the process has after a small export of the same kind. */
const GROWTH_MAX_MB = 200;
const SAMPLE_INTERVAL_MS = 50;
const ROWS_PER_FILL = 500_000;
const WARM_UP_ROWS = 20_000;
const DAY_START_MS = Date.UTC(2026, 0, 1);
const FORMATS: readonly ExportFormat[] = ['csv', 'parquet'];

interface Exported {
  readonly rows: number;
  readonly megabytes: number;
  readonly seconds: number;
  readonly growthMb: number;
}

/**
 * Exports raw events from the embedded engine in this process, and holds the memory it takes to a bound.
 * @returns whether every format kept to it, and gave every row
 */
export async function runExports(options: {
  readonly rows: number;
  readonly log: (line: string) => void;
}): Promise<boolean> {
  const { rows, log } = options;
  const organization = parseOrganizationId('bench');
  if (organization === null) throw new Error('Assertion failed: bench is an organization');
  const path = await mkdtemp(join(tmpdir(), 'tidemark-exports-'));
  const warehouse = createChdbExecutor({ path });
  try {
    for (const sql of WAREHOUSE_MIGRATIONS.flatMap(({ statements }) => statements)) {
      await warehouse.command({ sql });
    }
    for (let from = 0; from < rows; from += ROWS_PER_FILL) {
      const parameters = { organization, from, count: Math.min(ROWS_PER_FILL, rows - from) };
      await warehouse.command({ sql: FILL, parameters, timeoutMs: HOUR_MS });
    }
    log(`${rows} events are stored`);
    const events = createEventsExport(warehouse);
    let isWithin = true;
    for (const format of FORMATS) {
      await exportEvents(events, { organization, format, rowsMax: WARM_UP_ROWS });
      const found = await exportEvents(events, { organization, format, rowsMax: rows });
      const growth = found.growthMb.toFixed(0);
      log(
        `${format}: ${found.rows} rows, ${found.megabytes.toFixed(0)} MB in ${found.seconds.toFixed(1)} s, memory grew by ${growth} MB (at most ${GROWTH_MAX_MB})`,
      );
      isWithin &&= found.growthMb < GROWTH_MAX_MB && found.rows === rows;
    }
    return isWithin;
  } finally {
    await warehouse.close();
    await rm(path, { recursive: true, force: true });
  }
}

/** Events of some 250 bytes, over one day. */
const FILL = `
INSERT INTO events (organization, type, time, id, source, subject, data, received_at, identity, bus_topic, bus_partition, bus_offset)
SELECT {organization:String}, 'order.placed',
  fromUnixTimestamp64Milli(toInt64(${DAY_START_MS} + number % ${DAY_MS}), 'UTC'),
  concat('event-', toString(number)), '/shop', concat('customer-', toString(number % 100000)),
  concat('{"amount":', toString(number % 10000), '.25,"city":"city-', toString(number % 500), '","note":"', hex(sipHash128(number)), '"}'),
  fromUnixTimestamp64Milli(toInt64(${DAY_START_MS}), 'UTC'), number, 'bench', 0, number
FROM (SELECT number + {from:UInt64} AS number FROM numbers({count:UInt64}))`;

async function exportEvents(
  events: EventsExport,
  asked: {
    readonly organization: OrganizationId;
    readonly format: ExportFormat;
    readonly rowsMax: number;
  },
): Promise<Exported> {
  const { organization, format, rowsMax } = asked;
  const range = { fromMs: DAY_START_MS, toMs: DAY_START_MS + DAY_MS };
  const table = await events.open(
    { organization, role: 'admin' },
    { ...range, types: null, filters: [], columns: null },
  );
  let rows = 0;
  async function* counted(): typeof table.batches {
    for await (const batch of table.batches) {
      rows += batch.length;
      yield batch;
      if (rows >= rowsMax) return;
    }
  }
  const startMb = process.memoryUsage().rss / MEGABYTE;
  let peakMb = startMb;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, process.memoryUsage().rss / MEGABYTE);
  }, SAMPLE_INTERVAL_MS);
  const startedAt = performance.now();
  let bytes = 0;
  try {
    const pieces = exportTable(format, { columns: table.columns, metadata: {}, batches: counted() });
    for await (const piece of pieces) bytes += piece.length;
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  return { rows, megabytes: bytes / MEGABYTE, seconds, growthMb: peakMb - startMb };
}

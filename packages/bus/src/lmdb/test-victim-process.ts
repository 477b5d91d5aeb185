/**
 * Publishes without end and prints what is acknowledged, one JSON array `["partition@offset", id]` a line, until
 * somebody kills it. Arguments: the directory of the bus, and a prefix for its ids.
 */
import { writeSync } from 'node:fs';
import { DAY_MS } from '@tidemark/core';
import { outgoing, realClock } from '../conformance-support.ts';
import { createLmdbBus } from '../lmdb-bus.ts';
import { silentLog } from '../test-log.ts';

const PUBLISHERS = 8;
const RECORDS_PER_PUBLISH = 5;
const STDOUT = 1;

const [, , path, prefix] = process.argv;
if (path === undefined || prefix === undefined) throw new Error('usage: victim <directory> <prefix>');
const bus = await createLmdbBus({ path, clock: realClock, log: silentLog });
await bus.ensureTopics([{ name: 'victims', partitions: 4, retentionMs: DAY_MS }]);
await Promise.all(
  Array.from({ length: PUBLISHERS }, (_, publisher) => publishForever(`${prefix}-${publisher}`)),
);

async function publishForever(publisher: string): Promise<never> {
  for (let round = 0; ; round++) {
    const ids = Array.from({ length: RECORDS_PER_PUBLISH }, (_, index) => `${publisher}-${round}-${index}`);
    const coordinates = await bus.publish(
      'victims',
      ids.map((id) => outgoing({ key: id, text: id })),
    );
    const lines = coordinates.map(({ partition, offset }, index) =>
      JSON.stringify([`${partition}@${offset}`, ids[index]]),
    );
    writeSync(STDOUT, `${lines.join('\n')}\n`);
  }
}

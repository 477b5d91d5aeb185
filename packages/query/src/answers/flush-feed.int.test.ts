import { afterAll } from '@jest/globals';
import { createKafkaBus } from '@tidemark/bus';
import { systemClock } from '@tidemark/runtime';
import { describeFlushFeed } from './test-flush-feed.ts';

const brokers = process.env['TIDEMARK_TEST_KAFKA_BROKERS'];
if (brokers === undefined) throw new Error('TIDEMARK_TEST_KAFKA_BROKERS must name brokers to test against');

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.toReversed()) await step();
});

describeFlushFeed('Kafka', () => {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const bus = createKafkaBus({
    brokers: brokers.split(','),
    clientId: 'tidemark-feed-test',
    clock: systemClock,
    log,
  });
  undo.push(() => bus.close());
  return Promise.resolve(bus);
});

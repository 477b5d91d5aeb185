import { realClock } from './conformance-support.ts';
import { describeBusConformance } from './conformance.ts';
import { createKafkaBus } from './kafka-bus.ts';
import { silentLog } from './test-log.ts';

/** The least a broker accepts by default (`group.min.session.timeout.ms`). */
const SESSION_TIMEOUT_MS = 6_000;

const brokers = process.env['TIDEMARK_TEST_KAFKA_BROKERS'];
if (brokers === undefined || brokers === '') {
  throw new Error(
    'TIDEMARK_TEST_KAFKA_BROKERS is not set; it must name the test brokers as host:port,host:port',
  );
}

describeBusConformance('kafka', async () => ({
  clock: realClock,
  sessionTimeoutMs: SESSION_TIMEOUT_MS,
  open: async () =>
    createKafkaBus({
      brokers: brokers.split(','),
      clientId: 'tidemark-conformance',
      clock: realClock,
      log: silentLog,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    }),
  dispose: async () => undefined,
}));

import { PIPELINE_FIELDS } from '@tidemark/aggregator';
import { READER_FIELDS } from '@tidemark/gateway';
import { INGEST_LIMIT_FIELDS } from '@tidemark/ingest';
import { envInteger, envPort, envText, SHARED_FIELDS } from '@tidemark/runtime';

/** Everything has a fallback: the embedded profile needs no variable at all. */
export const STANDALONE_FIELDS = {
  logLevel: { ...SHARED_FIELDS.logLevel, fallback: 'warn' },
  port: envPort('TIDEMARK_PORT', { description: 'The one port of the embedded profile', fallback: 8080 }),
  host: envText('TIDEMARK_HOST', {
    description: 'Address to listen at; 0.0.0.0 opens it to the network',
    fallback: '127.0.0.1',
  }),
  dataDir: envText('TIDEMARK_DATA_DIR', {
    description: 'Folder of all data, created when missing',
    fallback: './.tidemark',
  }),
  partitions: envInteger('TIDEMARK_STANDALONE_PARTITIONS', {
    description: 'Partitions of the log; never changed once data exists',
    minimum: 1,
    maximum: 64,
    fallback: 2,
  }),
  ...INGEST_LIMIT_FIELDS,
  ...READER_FIELDS,
  ...PIPELINE_FIELDS,
} as const;

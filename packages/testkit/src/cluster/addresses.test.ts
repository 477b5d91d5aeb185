import { describe, expect, it } from '@jest/globals';
import { type BackendAddresses, parseTestBackends, toTestEnvironment } from './addresses.ts';

const ADDRESSES: BackendAddresses = {
  kafkaBrokers: '127.0.0.1:1',
  clickhouseUrl: 'http://127.0.0.1:2',
  postgresUrl: 'postgres://tidemark@127.0.0.1:3/postgres',
  redisUrl: 'redis://127.0.0.1:4',
};

describe('the addresses of the backends of a test', () => {
  it('survive the way through the environment', () => {
    expect(parseTestBackends(toTestEnvironment(ADDRESSES))).toEqual(ADDRESSES);
  });

  it('are refused with the names of all that are missing', () => {
    const { TIDEMARK_TEST_KAFKA_BROKERS, ...rest } = toTestEnvironment(ADDRESSES);
    expect(TIDEMARK_TEST_KAFKA_BROKERS).toBe('127.0.0.1:1');
    expect(() => parseTestBackends({ ...rest, TIDEMARK_TEST_REDIS_URL: '' })).toThrow(
      /^TIDEMARK_TEST_KAFKA_BROKERS, TIDEMARK_TEST_REDIS_URL must be set/,
    );
  });
});

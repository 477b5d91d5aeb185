import { isAppError } from '@tidemark/core';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  envBoolean,
  envInteger,
  envList,
  envPort,
  envSecret,
  readConfig,
  SHARED_FIELDS,
  type Environment,
} from './config.ts';

const FIELDS = {
  logLevel: SHARED_FIELDS.logLevel,
  brokers: SHARED_FIELDS.kafkaBrokers,
  url: envSecret('TIDEMARK_POSTGRES_URL', { description: 'the catalog', pattern: '^postgres://' }),
  port: envPort('TIDEMARK_INGEST_PORT', { description: 'the port', fallback: 8081 }),
  limit: envInteger('TIDEMARK_INGEST_LIMIT', { description: 'a limit', minimum: 1, maximum: 9, fallback: 5 }),
  isOn: envBoolean('TIDEMARK_INGEST_ON', { description: 'a switch', fallback: false }),
};
const GOOD = { TIDEMARK_KAFKA_BROKERS: 'a:1, b:2', TIDEMARK_POSTGRES_URL: 'postgres://u:hunter2@h/d' };

const read = (environment: Environment) => readConfig({ service: 'ingest', fields: FIELDS, environment });

function faultsOf(environment: Environment): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (isAppError(error, 'invalid-config')) return error.faults.map(({ pointer }) => pointer.slice(1));
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  it('reads what is set and falls back where it may', () => {
    const config = read({ ...GOOD, TIDEMARK_INGEST_LIMIT: '9', TIDEMARK_INGEST_ON: 'true', HOME: '/root' });
    expect(config).toMatchObject({
      logLevel: 'info',
      brokers: ['a:1', 'b:2'],
      port: 8081,
      limit: 9,
      isOn: true,
    });
    expect(config.url.reveal()).toBe('postgres://u:hunter2@h/d');
  });

  it('shows a secret nowhere', () => {
    const config = read(GOOD);
    expect(`${inspect(config)}${JSON.stringify(config)}${String(config.url)}`).not.toContain('hunter2');
  });

  it('lists every fault at once: missing, wrong, out of range and misspelt', () => {
    const environment = {
      TIDEMARK_POSTGRES_URL: 'mysql://u:hunter2@h/d',
      TIDEMARK_INGEST_LIMIT: '10',
      TIDEMARK_INGEST_PORT: 'http',
      TIDEMARK_INGEST_ON: 'yes',
      TIDEMARK_INGEST_LIMITS: '5',
      TIDEMARK_LOGLEVEL: 'debug',
      TIDEMARK_LOG_LEVEL: 'loud',
    };
    expect(new Set(faultsOf(environment))).toEqual(
      new Set([...Object.keys(environment), 'TIDEMARK_KAFKA_BROKERS']),
    );
    expect(() => read(environment)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  it('passes over what other services read', () => {
    expect(faultsOf({ ...GOOD, TIDEMARK_AGGREGATOR_PORT: '1', TIDEMARK_CLICKHOUSE_URL: 'http://c' })).toEqual(
      [],
    );
  });

  it('refuses an empty list', () => {
    const fields = { list: envList('TIDEMARK_KAFKA_BROKERS', { description: 'brokers' }) };
    expect(() =>
      readConfig({ service: 'ingest', fields, environment: { TIDEMARK_KAFKA_BROKERS: ' , ' } }),
    ).toThrow(/BROKERS/);
  });
});

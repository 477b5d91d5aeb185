import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { LOCAL_BACKENDS_VARIABLE } from './addresses.ts';
import { answersOk } from './clickhouse.ts';
import { startBackend } from './backends.ts';
import { createShutdown } from './shutdown.ts';

const START_TIMEOUT_MS = 120_000;

/** On a machine that takes its backends from elsewhere, the programs need not be installed. */
const isLocal = process.env[LOCAL_BACKENDS_VARIABLE] === 'true';

(isLocal ? describe : describe.skip)('a local backend', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-backends-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it(
    'is taken away and brought back with what it held: Kafka',
    async () => {
      const shutdown = createShutdown();
      const kafka = await startBackend('kafka', { dir, shutdown });
      await withAdmin(kafka.address, (admin) =>
        admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] }),
      );
      await kafka.kill();
      await kafka.start();
      await withAdmin(kafka.address, async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: ['kept'] });
        expect(topics.map(({ partitions }) => partitions.length)).toEqual([3]);
      });
      await shutdown.run();
      expect(readdirSync(dir)).not.toContain('kafka');
    },
    START_TIMEOUT_MS,
  );

  it(
    'is taken away and brought back with what it held: Postgres',
    async () => {
      const shutdown = createShutdown();
      const postgres = await startBackend('postgres', { dir, shutdown });
      await query(postgres.address, 'CREATE TABLE kept AS SELECT 42 AS answer');
      await postgres.kill();
      await expect(query(postgres.address, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
      await postgres.start();
      await expect(query(postgres.address, 'SELECT answer FROM kept')).resolves.toEqual([{ answer: 42 }]);
      await shutdown.run();
    },
    START_TIMEOUT_MS,
  );

  it(
    'is taken away and brought back with what it held: ClickHouse',
    async () => {
      const shutdown = createShutdown();
      const clickhouse = await startBackend('clickhouse', { dir, shutdown });
      await ask(clickhouse.address, 'CREATE TABLE kept (answer UInt8) ENGINE = MergeTree ORDER BY answer');
      await ask(clickhouse.address, 'INSERT INTO kept VALUES (42)');
      await clickhouse.kill();
      await expect(answersOk(`${clickhouse.address}/ping`)).rejects.toThrow('fetch failed');
      await clickhouse.start();
      await expect(ask(clickhouse.address, 'SELECT answer FROM kept')).resolves.toBe('42\n');
      await shutdown.run();
    },
    START_TIMEOUT_MS,
  );
});

async function withAdmin(
  address: string,
  use: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>,
): Promise<void> {
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function query(address: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: address });
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

async function ask(address: string, sql: string): Promise<string> {
  const answer = await fetch(address, { method: 'POST', body: sql });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

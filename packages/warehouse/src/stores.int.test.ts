import { randomUUID } from 'node:crypto';
import { createClickhouseDatabase, createClickhouseExecutor } from './clickhouse-executor.ts';
import { describeStoresConformance } from './conformance-stores.ts';

const url = process.env['TIDEMARK_TEST_CLICKHOUSE_URL'];
if (url === undefined) throw new Error('TIDEMARK_TEST_CLICKHOUSE_URL names no ClickHouse server');

describeStoresConformance('ClickHouse', async () => {
  const database = `tidemark_test_${randomUUID().replaceAll('-', '')}`;
  await createClickhouseDatabase({ url, database });
  let executor = createClickhouseExecutor({ url, database });
  return {
    executor,
    async reopen() {
      await executor.close();
      executor = createClickhouseExecutor({ url, database });
      return executor;
    },
    async close() {
      const administrator = createClickhouseExecutor({ url, database: 'default' });
      await administrator.command({ sql: `DROP DATABASE IF EXISTS ${database}` });
      await administrator.close();
    },
  };
});

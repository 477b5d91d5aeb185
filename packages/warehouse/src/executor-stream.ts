import type { BaseQueryParams, ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';
import { AppError, HOUR_MS } from '@tidemark/core';
import { toWarehouseError } from './errors.ts';
import type { Row, Statement } from './port.ts';

export const STREAM_TIMEOUT_DEFAULT_MS = HOUR_MS;

/**
 * What the engine holds of a result is a few blocks: smaller ones than its own 65,409 rows, made by few threads, since one formats
 * them all anyway.
 */
const STREAM_SETTINGS: ClickHouseSettings = {
  // The answer comes while the statement runs; an error after that breaks it off
  wait_end_of_query: 0,
  max_block_size: '8192',
  max_threads: 2,
  output_format_parallel_formatting: 0,
};

/**
 * Runs the statement when iteration begins, and ends it when iteration does.
 * @param limits `timeoutMs` is the client's, over the whole of it
 * @throws what the port promises; the signal's reason when the caller aborted
 */
export async function* streamBatches<T extends Row>(
  client: ClickHouseClient,
  params: BaseQueryParams & { readonly query: string },
  { signal, timeoutMs }: Pick<Statement, 'signal'> & { readonly timeoutMs: number },
): AsyncGenerator<readonly T[]> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop.abort(new AppError('query-timeout', `The result was not read within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    const result = await client.query({
      ...params,
      clickhouse_settings: { ...params.clickhouse_settings, ...STREAM_SETTINGS },
      format: 'JSONEachRow',
      abort_signal: stop.signal,
    });
    const rows = result.stream<T>();
    stop.signal.addEventListener('abort', () => rows.destroy(), { once: true });
    if (stop.signal.aborted) rows.destroy();
    for await (const batch of rows) yield batch.map((row) => row.json<T>());
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw toWarehouseError('query', error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    stop.abort();
  }
}

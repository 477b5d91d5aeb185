import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { AppError, HOUR_MS } from '@tidemark/core';
import { quoteIdentifier } from './clickhouse-literals.ts';
import { toWarehouseError } from './errors.ts';
import { createExecutor, type WarehouseLog } from './executor.ts';
import type { WarehouseExecutor } from './port.ts';

export interface ClickhouseExecutorOptions {
  /** Of the HTTP interface, with or without the rest: `http://user:password@host:8123/database`. */
  readonly url: string;
  /** Must exist (see `createClickhouseDatabase`). This and the next two win over the URL's; `default` without either. */
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly log?: WarehouseLog;
  /** Sockets, so statements at once; more wait in this process. */
  readonly connectionsMax?: number;
  /** Settings of every statement. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const CONNECTIONS_MAX_DEFAULT = 16;
/** Below every keep-alive timeout of a server (3 s until 23.10, 10 s since): a socket the server closes under a request is an insert in doubt. */
const IDLE_SOCKET_TTL_MS = 2_000;

/** A ClickHouse server, or several behind one address. */
export function createClickhouseExecutor(options: ClickhouseExecutorOptions): WarehouseExecutor {
  return createExecutor({
    client: connect(options, readAddress(options)),
    capabilities: { shared: true },
    ...(options.log === undefined ? {} : { log: options.log }),
    settings: { cancel_http_readonly_queries_on_client_close: 1, ...options.settings },
  });
}

/**
 * Makes the database when it is absent; safe to call by several at once.
 * @throws warehouse-unavailable
 */
export async function createClickhouseDatabase(options: ClickhouseExecutorOptions): Promise<void> {
  const address = readAddress(options);
  const client = connect(options, { ...address, database: 'default' });
  try {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(address.database)}` });
  } catch (error) {
    throw toWarehouseError('query', error);
  } finally {
    await client.close();
  }
}

interface Address {
  readonly url: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

/** @throws invalid-config when the URL is none */
function readAddress(options: ClickhouseExecutorOptions): Address {
  if (!URL.canParse(options.url))
    throw new AppError('invalid-config', 'The address of ClickHouse is not a URL');
  const url = new URL(options.url);
  return {
    url: url.origin,
    database: options.database ?? (decodeURIComponent(url.pathname.slice(1)) || 'default'),
    username: options.username ?? (decodeURIComponent(url.username) || 'default'),
    password: options.password ?? decodeURIComponent(url.password),
  };
}

function connect(options: ClickhouseExecutorOptions, address: Address): ClickHouseClient {
  return createClient({
    ...address,
    application: 'tidemark',
    // Each statement brings its own deadline
    request_timeout: HOUR_MS,
    max_open_connections: options.connectionsMax ?? CONNECTIONS_MAX_DEFAULT,
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_TTL_MS },
    compression: { request: false, response: false },
    // Long lists of ids do not fit a URL
    use_multipart_params_auto: true,
    // Errors are thrown; who decides about them logs them
    log: { level: ClickHouseLogLevel.OFF },
  });
}

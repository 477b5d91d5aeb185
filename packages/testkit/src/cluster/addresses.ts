/** The four backends of the distributed profile, in the order they are started. */
export const BACKEND_NAMES = ['kafka', 'clickhouse', 'postgres', 'redis'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

/** Where a process of Tidemark finds its backends. */
export interface BackendAddresses {
  /** Comma-separated `host:port`. */
  readonly kafkaBrokers: string;
  /** The HTTP interface, `http://host:port`. */
  readonly clickhouseUrl: string;
  readonly postgresUrl: string;
  readonly redisUrl: string;
}

export const ADDRESS_KEYS = {
  kafka: 'kafkaBrokers',
  clickhouse: 'clickhouseUrl',
  postgres: 'postgresUrl',
  redis: 'redisUrl',
} as const satisfies Record<BackendName, keyof BackendAddresses>;

/** The environment by which tests are told about backends, and by which anybody may name their own. */
export const TEST_VARIABLES = {
  kafka: 'TIDEMARK_TEST_KAFKA_BROKERS',
  clickhouse: 'TIDEMARK_TEST_CLICKHOUSE_URL',
  postgres: 'TIDEMARK_TEST_POSTGRES_URL',
  redis: 'TIDEMARK_TEST_REDIS_URL',
} as const satisfies Record<BackendName, string>;

/** `true` when every backend of this test run is a process of this machine, started by the testkit. */
export const LOCAL_BACKENDS_VARIABLE = 'TIDEMARK_TEST_LOCAL_BACKENDS';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The backends a `*.int.test.ts` or a distributed `*.e2e.test.ts` uses.
 *
 * @throws Error naming every variable that is missing: such a test is run by `npm run test:real`.
 */
export function parseTestBackends(environment: Environment): BackendAddresses {
  const missing = BACKEND_NAMES.map((name) => TEST_VARIABLES[name]).filter((key) => !environment[key]);
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(', ')} must be set; \`npm run test:real\` starts the backends and sets them`,
    );
  }
  return toAddresses((name) => environment[TEST_VARIABLES[name]] ?? '');
}

export function toTestEnvironment(addresses: BackendAddresses): Record<string, string> {
  return Object.fromEntries(
    BACKEND_NAMES.map((name) => [TEST_VARIABLES[name], addresses[ADDRESS_KEYS[name]]]),
  );
}

export function toAddresses(addressOf: (name: BackendName) => string): BackendAddresses {
  return {
    kafkaBrokers: addressOf('kafka'),
    clickhouseUrl: addressOf('clickhouse'),
    postgresUrl: addressOf('postgres'),
    redisUrl: addressOf('redis'),
  };
}

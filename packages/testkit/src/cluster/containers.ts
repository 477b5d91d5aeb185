/** The backends as containers, at the versions pinned in `docker-compose.yml`. Loaded only where it is used. */
import type { StartedTestContainer } from 'testcontainers';
import type { BackendName } from './addresses.ts';
import { findImage } from './compose-file.ts';
import { findFreePort } from './free-port.ts';
import type { Shutdown } from './shutdown.ts';

/** Pulling an image may take minutes on a slow line. */
const START_DEADLINE_MS = 300_000;
const CLICKHOUSE_PORT = 8123;
const POSTGRES_PORT = 5432;
const REDIS_PORT = 6379;

/** Whether a container engine answers; false also when none is installed. */
export async function isContainerEngineReachable(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    // The caller says loudly what it uses instead.
    return false;
  }
}

/** Starts one backend and answers its address; `shutdown` removes it. */
export async function startContainer(name: BackendName, shutdown: Shutdown): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const create = (): InstanceType<typeof GenericContainer> =>
    new GenericContainer(findImage(name)).withStartupTimeout(START_DEADLINE_MS);
  const keep = (container: StartedTestContainer): StartedTestContainer => {
    shutdown.add(async () => {
      await container.stop();
    });
    return container;
  };
  switch (name) {
    case 'kafka': {
      // The broker tells clients its address, so the port outside must be known before it starts.
      const port = await findFreePort();
      keep(
        await create()
          .withExposedPorts({ container: port, host: port })
          .withEnvironment(toBrokerEnvironment(port))
          .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
          .start(),
      );
      return `127.0.0.1:${port}`;
    }
    case 'clickhouse': {
      const container = keep(
        await create()
          .withExposedPorts(CLICKHOUSE_PORT)
          .withEnvironment({ CLICKHOUSE_SKIP_USER_SETUP: '1' })
          .withWaitStrategy(Wait.forHttp('/ping', CLICKHOUSE_PORT))
          .start(),
      );
      return `http://${container.getHost()}:${container.getMappedPort(CLICKHOUSE_PORT)}`;
    }
    case 'postgres': {
      const container = keep(
        await create()
          .withExposedPorts(POSTGRES_PORT)
          .withEnvironment({ POSTGRES_USER: 'tidemark', POSTGRES_HOST_AUTH_METHOD: 'trust' })
          .withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200'])
          // The image starts the server once to prepare it and then again for good.
          .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
          .start(),
      );
      return `postgres://tidemark@${container.getHost()}:${container.getMappedPort(POSTGRES_PORT)}/tidemark`;
    }
    case 'redis': {
      const container = keep(
        await create()
          .withExposedPorts(REDIS_PORT)
          .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
          .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
          .start(),
      );
      return `redis://${container.getHost()}:${container.getMappedPort(REDIS_PORT)}`;
    }
  }
}

function toBrokerEnvironment(port: number): Record<string, string> {
  return {
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_NODE_ID: '1',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_LISTENERS: `BROKER://0.0.0.0:${port},CONTROLLER://localhost:9093`,
    KAFKA_ADVERTISED_LISTENERS: `BROKER://127.0.0.1:${port}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
  };
}

import {
  type BackendAddresses,
  type BackendName,
  BACKEND_NAMES,
  TEST_VARIABLES,
  toAddresses,
} from './addresses.ts';
import { startBackend } from './backends.ts';
import { isContainerEngineReachable, startContainer } from './containers.ts';
import type { Shutdown } from './shutdown.ts';

export type BackendSource = 'environment' | 'container' | 'local process';

export interface ProvideBackendsOptions {
  /** Gets the data and the logs of local processes. */
  readonly dir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
  /** Stops what was started here. */
  readonly shutdown: Shutdown;
}

export interface ProvidedBackends extends BackendAddresses {
  readonly sources: ReadonlySet<BackendSource>;
}

/**
 * Finds or starts each backend, in this order: the address named by the environment, a container where an engine
 * answers, a process on this machine. Says in the log which it is.
 *
 * @throws AggregateError of all backends that cannot be had, with what to install; nothing is left running.
 */
export async function provideBackends(options: ProvideBackendsOptions): Promise<ProvidedBackends> {
  const { environment, log, shutdown } = options;
  const isNamed = (name: BackendName): boolean => (environment[TEST_VARIABLES[name]] ?? '') !== '';
  const canContain =
    parseUseOfContainers(environment) &&
    !BACKEND_NAMES.every(isNamed) &&
    (await isContainerEngineReachable());
  const sources = new Set<BackendSource>();
  const outcomes = await Promise.allSettled(
    BACKEND_NAMES.map(async (name) => {
      const source: BackendSource = isNamed(name)
        ? 'environment'
        : canContain
          ? 'container'
          : 'local process';
      sources.add(source);
      const address = await provide(name, source, options);
      log(
        `BACKEND ${name.padEnd('clickhouse'.length)} from ${source.padEnd('local process'.length)} at ${address}`,
      );
      return [name, address] as const;
    }),
  );
  const faults = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected'
      ? [
          new Error(`BACKEND ${BACKEND_NAMES[index]} CANNOT BE HAD: ${toText(outcome.reason)}`, {
            cause: outcome.reason,
          }),
        ]
      : [],
  );
  if (faults.length > 0) {
    await shutdown.run();
    throw new AggregateError(faults, faults.map((fault) => fault.message).join('\n'));
  }
  const addresses = new Map(
    outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
  );
  return { ...toAddresses((name) => addresses.get(name) ?? ''), sources };
}

/** @throws Error for a value of TIDEMARK_TEST_CONTAINERS that is neither `auto` (the default) nor `never`. */
function parseUseOfContainers(environment: ProvideBackendsOptions['environment']): boolean {
  const choice = environment['TIDEMARK_TEST_CONTAINERS'] ?? 'auto';
  if (choice !== 'auto' && choice !== 'never') {
    throw new Error(`TIDEMARK_TEST_CONTAINERS is ${choice}, expected auto or never`);
  }
  return choice === 'auto';
}

async function provide(
  name: BackendName,
  source: BackendSource,
  options: ProvideBackendsOptions,
): Promise<string> {
  switch (source) {
    case 'environment':
      return options.environment[TEST_VARIABLES[name]] ?? '';
    case 'container':
      return startContainer(name, options.shutdown);
    case 'local process': {
      const { dir, shutdown } = options;
      return (await startBackend(name, { dir, shutdown })).address;
    }
  }
}

function toText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

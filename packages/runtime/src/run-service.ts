import { isAppError } from '@tidemark/core';
import { systemClock } from './system-clock.ts';
import type { ConfigField } from './config-field.ts';
import { readConfig, type ConfigValues } from './config.ts';
import { createLifecycle, installSignalHandlers, type Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger, type LogLevel } from './logger.ts';

/** As BSD's `EX_CONFIG`: a supervisor need not try again. */
const EXIT_CONFIG = 78;

type Fields = Readonly<Record<string, ConfigField<unknown>>> & { readonly logLevel: ConfigField<LogLevel> };

export interface ServiceDefinition<F extends Fields> {
  readonly name: string;
  readonly fields: F;
  /** Starts everything, registering with the lifecycle how to stop it. */
  readonly start: (config: ConfigValues<F>, lifecycle: Lifecycle, log: Logger) => Promise<void>;
}

/**
 * The `main` of a service process: configuration, logger, signals, start. `--validate` ends after the configuration has been
 * checked (0 valid, 78 not).
 */
export async function runService<F extends Fields>(definition: ServiceDefinition<F>): Promise<void> {
  const { name, fields, start } = definition;
  let config: ConfigValues<F>;
  try {
    config = readConfig({ service: name, fields, environment: process.env });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(EXIT_CONFIG);
  }
  if (process.argv.includes('--validate')) {
    process.stdout.write(`${name}: the configuration is valid\n`);
    return;
  }
  const log = createLogger({ service: name, level: (config as { readonly logLevel: LogLevel }).logLevel });
  const lifecycle = createLifecycle({ clock: systemClock, log });
  installSignalHandlers(lifecycle, log, process);
  try {
    await start(config, lifecycle, log);
    log.info('started');
  } catch (error) {
    // Something of this machine is taken by another process: that is for who has just typed the command.
    if (isAppError(error, 'conflict')) process.stderr.write(`${name}: ${error.message}\n`);
    else log.fatal({ err: error }, 'could not start');
    await lifecycle.stop('could not start');
    process.exit(1);
  }
}

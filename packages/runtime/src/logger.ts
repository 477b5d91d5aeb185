import { isAppError } from '@tidemark/core';
import { destination, pino, stdSerializers, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whatever reaches a log line under these names is a mistake of the caller; it is cut out all the same. */
const REDACTED_NAMES = [
  'authorization',
  'x-api-key',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'body',
];

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Standard output when absent. */
  readonly destination?: DestinationStream;
}

/** One JSON object a line. No payloads, no secrets: callers log ids, codes, counts and durations. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      redact: {
        paths: REDACTED_NAMES.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`]),
        censor: '[redacted]',
      },
      serializers: { err: serializeError, error: serializeError },
    },
    options.destination ?? destination({ fd: 1, sync: false }),
  );
}

/** The code of an `AppError` beside what pino keeps of any error. Faults stay out: their details quote the input. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  return isAppError(error) ? { type, code: error.code, message, stack } : { type, message, stack };
}

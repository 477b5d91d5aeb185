import { type Clock, SECOND_MS } from '@tidemark/core';
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import type { BusLog } from '../port.ts';

/** One request may take this long; Fetch and JoinGroup have their own, longer limits inside kafkajs. */
const REQUEST_TIMEOUT_MS = 3 * SECOND_MS;
const CONNECTION_TIMEOUT_MS = SECOND_MS;

export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  readonly clock: Clock;
  readonly log: BusLog;
}

/**
 * A kafkajs client. Every consumer takes one of its own: clients keep ONE table of committed offsets per group, which
 * two consumers of a group would wipe for each other.
 */
export function createKafkaClient({ brokers, clientId, ssl, sasl, log }: KafkaConnection): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl !== undefined && { ssl }),
    ...(sasl !== undefined && { sasl }),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Connecting and metadata. Kept short: producer, consumer and admin each retry around it.
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 1 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const fields = { ...entry.log, message: undefined, timestamp: undefined, stack: undefined };
      const text = `kafkajs ${entry.namespace}: ${entry.log.message}`;
      // An error to kafkajs is one failed attempt; whether work failed is decided, and logged, by the adapter.
      if (entry.level === logLevel.ERROR) log.warn(fields, text);
      else log.info(fields, text);
    },
  });
}

import type { ApiClient } from './api-client.ts';
import { CliFault } from '../fault.ts';

export interface PartitionStatus {
  readonly partition: string;
  /** The next record the aggregator will store; everything before is visible in queries. */
  readonly nextOffset: bigint;
  /** The next record that will be written: everything before is acknowledged. */
  readonly endOffset: bigint;
  /** Why nothing more of it is stored until an operator has looked; null while it goes on. */
  readonly halted: string | null;
}

/** What `GET /api/v1/status` says, as far as the command relies on it. */
export interface PipelineStatus {
  readonly partitions: readonly PartitionStatus[];
  /** The whole answer, for people. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/** @throws CliFault when the server does not answer, or the key may not ask */
export async function fetchStatus(client: ApiClient, url: string): Promise<PipelineStatus> {
  const answer = await client.requestJson({ method: 'GET', url: `${url}/api/v1/status` });
  return parseStatus(answer);
}

/** Takes the pipeline's figures from the top level or from under `pipeline`. */
export function parseStatus(value: unknown): PipelineStatus {
  const answer = asObject(value);
  const pipeline = asObject(answer['pipeline'] ?? answer);
  const partitions = pipeline['partitions'];
  if (!Array.isArray(partitions)) throw new CliFault('the status of the server names no partitions');
  return {
    answer,
    partitions: partitions.map((entry: unknown) => {
      const partition = asObject(entry);
      return {
        partition: String(partition['partition']),
        nextOffset: parseOffset(partition['nextOffset']),
        endOffset: parseOffset(partition['endOffset']),
        halted: parseHalt(partition['halted']),
      };
    }),
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CliFault('the status of the server is not an object');
  }
  return value as Record<string, unknown>;
}

/** A server that knows of no halts tells none. */
function parseHalt(value: unknown): string | null {
  if (value === undefined || value === null || value === false) return null;
  return typeof value === 'string' ? value : 'halted';
}

function parseOffset(value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return BigInt(value);
  // Before anything was stored.
  if (value === null || value === undefined) return 0n;
  throw new CliFault(`the status of the server names the offset ${JSON.stringify(value)}`);
}

export function endOffsetsOf(status: PipelineStatus): Readonly<Record<string, string>> {
  return Object.fromEntries(
    status.partitions.map(({ partition, endOffset }) => [partition, String(endOffset)]),
  );
}

/** Whether the server's log still reaches as far, in every partition, as it once did. */
export function reachesAsFar(status: PipelineStatus, endOffsets: Readonly<Record<string, string>>): boolean {
  const now = new Map(status.partitions.map(({ partition, endOffset }) => [partition, endOffset]));
  return Object.entries(endOffsets).every(
    ([partition, offset]) => (now.get(partition) ?? -1n) >= BigInt(offset),
  );
}

/** Whether everything up to `endOffsets` is stored, and with it visible. */
export function isVisibleUpTo(status: PipelineStatus, endOffsets: Readonly<Record<string, string>>): boolean {
  // Progress beyond the end of a log that was made anew is that of the former one.
  const now = new Map(
    status.partitions.map(({ partition, nextOffset, endOffset, halted }) => [
      partition,
      halted !== null && nextOffset > endOffset ? 0n : nextOffset,
    ]),
  );
  return Object.entries(endOffsets).every(
    ([partition, offset]) => (now.get(partition) ?? 0n) >= BigInt(offset),
  );
}

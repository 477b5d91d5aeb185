import type { CliContext } from '../context.ts';
import { EXIT_FOUND, EXIT_OK } from '../fault.ts';
import { createApiClient } from '../http/api-client.ts';
import { parseStatus, type PipelineStatus } from '../http/status.ts';
import { readSettings } from '../settings.ts';
import { formatTable, printable } from '../table.ts';

/** Prints how far the pipeline has come. @returns not 0 when a partition has halted */
export async function runStatusCommand(
  context: CliContext,
  options: { readonly json: boolean },
): Promise<number> {
  const settings = readSettings(context.environment);
  const client = createApiClient(context, settings.apiKey);
  const answer = await client.requestJson({ method: 'GET', url: `${settings.url}/api/v1/status` });
  const status = parseStatus(answer);
  context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : formatStatus(status));
  return status.partitions.every(({ halted }) => halted === null) ? EXIT_OK : EXIT_FOUND;
}

/** The partitions as a table; every other figure the server tells as a line of its own. */
function formatStatus({ answer, partitions }: PipelineStatus): string {
  const facts = { ...answer, ...(answer['pipeline'] as Record<string, unknown> | undefined) };
  const lines = Object.entries(facts)
    .filter(([name]) => name !== 'partitions' && name !== 'pipeline')
    .map(
      ([name, value]) => `${name}: ${printable(typeof value === 'string' ? value : JSON.stringify(value))}\n`,
    );
  const rows = partitions.map(({ partition, nextOffset, endOffset }) => [
    printable(partition),
    String(nextOffset),
    String(endOffset),
    String(endOffset - nextOffset),
  ]);
  const table = formatTable(['partition', 'stored up to', 'received up to', 'in flight'], rows, () => true);
  const halts = partitions.flatMap(({ partition, halted }) =>
    halted === null ? [] : [`partition ${printable(partition)} has halted: ${printable(halted)}\n`],
  );
  return `${lines.join('')}\n${table}${halts.length === 0 ? '' : `\n${halts.join('')}`}`;
}

import { LEDGER_DAYS_MAX } from '@tidemark/contracts';
import { DAY_MS } from '@tidemark/core';
import type { CliContext } from '../context.ts';
import { EXIT_FOUND, EXIT_OK } from '../fault.ts';
import { asCount, asList, asObject, connect } from '../http/server.ts';
import { parseRange, readInstant } from '../range-argument.ts';
import { formatTable, toCell } from '../table.ts';

const FIGURES = [
  'received',
  'stored',
  'duplicate',
  'conflict',
  'rejected',
  'dead',
  'inFlight',
  'residue',
] as const;

/** Ends are days, or instants in them. */
export interface LedgerOptions {
  readonly from?: string;
  readonly to?: string;
  readonly json: boolean;
}

/**
 * Prints what became of every event received, day by day, and says so when any is missing.
 * @returns not 0 when the residue of any day, or of all, is not 0
 */
export async function runLedgerCommand(context: CliContext, options: LedgerOptions): Promise<number> {
  const answer = await connect(context).get('/api/v1/ledger', readDays(context, options));
  const total = asObject(answer['total']);
  const days = asList(answer['days'], 'days');
  const missing = [total, ...days].map((figures) => asCount(figures['residue'], 'missing events'));
  const exitCode = missing.every((events) => events === 0) ? EXIT_OK : EXIT_FOUND;
  if (options.json) {
    context.stdout.write(`${JSON.stringify(answer)}\n`);
    return exitCode;
  }
  const toRow = (head: string, figures: Readonly<Record<string, unknown>>) => [
    head,
    ...FIGURES.map((figure) => toCell(figures[figure])),
  ];
  const rows = days.map((day) => toRow(toCell(day['day']), day));
  const header = ['day', ...FIGURES.map((figure) => (figure === 'inFlight' ? 'in flight' : figure))];
  context.stdout.write(
    `${formatTable(header, [...rows, toRow('total', total)], (column) => column > 0)}\nas of ${toCell(answer['asOf'])}, lag ${toCell(answer['lag'])}\n`,
  );
  if (exitCode !== EXIT_OK)
    context.stderr.write(`${Math.max(...missing)} acknowledged events are nowhere: the log has lost them\n`);
  return exitCode;
}

/**
 * The days that the range touches, as the server takes them: `--from now-1d --to now` is yesterday and today.
 * @throws CliFault when an end cannot be read, or the range is empty
 */
function readDays(context: CliContext, { from, to }: LedgerOptions): { from?: string; to?: string } {
  if (from !== undefined && to !== undefined) parseRange(context, { from, to }, LEDGER_DAYS_MAX);
  const toDate = (days: number) => new Date(days * DAY_MS).toISOString().slice(0, 10);
  return {
    ...(from === undefined
      ? {}
      : { from: toDate(Math.floor(readInstant(context, '--from', from) / DAY_MS)) }),
    ...(to === undefined ? {} : { to: toDate(Math.ceil(readInstant(context, '--to', to) / DAY_MS)) }),
  };
}

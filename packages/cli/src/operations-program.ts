/** The commands of those who run the pipeline. */
import type { Command } from 'commander';
import { toCount, toSeconds } from './arguments.ts';
import {
  type ListLettersOptions,
  type ReplayOptions,
  runLettersDiscard,
  runLettersList,
  runLettersReplay,
  runLettersShow,
  type ShowLetterOptions,
} from './commands/dead-letters.ts';
import { type LedgerOptions, runLedgerCommand } from './commands/ledger.ts';
import { type RebuildOptions, runRebuildCommand } from './commands/rebuild.ts';
import { runVerifyCommand, type VerifyOptions } from './commands/verify.ts';
import type { CliContext } from './context.ts';

const REBUILD_WAIT_SECONDS_DEFAULT = 600;
const ID_HELP = 'the id of the letter, as dead-letters list shows it';
const NOBODY_HELP = "letters that do not say whose they are (the operator's admins)";

const VERIFY_HELP = `
"not made yet" are buckets that wait for their rollup (new events, or a rebuild). Questions read them
from raw meanwhile, so there is nothing to compare and nothing wrong: verify them later.`;

type Run = (work: () => Promise<number>) => Promise<void>;

export function addOperations(program: Command, context: CliContext, run: Run): void {
  program
    .command('ledger')
    .description(
      'show what became of every event received, by day of arrival; exit code 1 when any is missing',
    )
    .option('--from <date>', 'first day (UTC), as 2026-01-31 or now-3d; 7 days before --to when absent')
    .option(
      '--to <date>',
      'the day after the last, as 2026-02-28; with now-1d that day is the last; tomorrow when absent',
    )
    .option('--json', 'print the answer as JSON', false)
    .action((options: LedgerOptions) => run(() => runLedgerCommand(context, options)));
  addDeadLetters(program, context, run);
  program
    .command('rebuild')
    .description('make the rollups of a range of event time anew, while questions go on (admins)')
    .requiredOption('--from <time>', 'start of the range: RFC 3339, a date, now-7d, …')
    .requiredOption('--to <time>', 'end of the range, not included')
    .option('--metric <keys>', 'only where events feed these metrics; keys, separated by commas')
    .option('--no-wait', 'return when the buckets are marked, not when their rollups are made')
    .option('--wait-seconds <seconds>', 'how long to wait at most', toSeconds, REBUILD_WAIT_SECONDS_DEFAULT)
    .option('--json', 'print the outcome as JSON', false)
    .action((options: RebuildOptions) => run(() => runRebuildCommand(context, options)));
  program
    .command('verify')
    .description(
      'hold the rollups of a range of event time to raw; exit code 1 when any differs or cannot be compared, or none is (admins)',
    )
    .requiredOption('--from <time>', 'start of the range: RFC 3339, a date, now-7d, …')
    .requiredOption('--to <time>', 'end of the range, not included')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', VERIFY_HELP)
    .action((options: VerifyOptions) => run(() => runVerifyCommand(context, options)));
}

function addDeadLetters(program: Command, context: CliContext, run: Run): void {
  const letters = program
    .command('dead-letters')
    .description('search, mend and replay what could not be stored (admins)');
  addFilters(letters.command('list'))
    .description('list what could not be stored, the newest first')
    .option('--state <state>', 'open, discarded, replaying or replayed')
    .option('--limit <count>', 'how many to show', toCount)
    .option('--cursor <cursor>', 'go on behind an earlier list')
    .option('--summary', 'count them by code and state', false)
    .option('--nobody', NOBODY_HELP, false)
    .option('--json', 'print the answer as JSON', false)
    .action((options: ListLettersOptions) => run(() => runLettersList(context, options)));
  letters
    .command('show')
    .description('print one letter as JSON, with the event that it holds')
    .argument('<id>', ID_HELP)
    .option('--event', 'print its event alone, to be mended in a file', false)
    .option('--nobody', NOBODY_HELP, false)
    .action((id: string, options: ShowLetterOptions) => run(() => runLettersShow(context, id, options)));
  addFilters(letters.command('replay'))
    .description(
      'send one letter again, as it is or mended, or all that match (exit code 1 when any is refused, or none matches)',
    )
    .argument('[id]', ID_HELP)
    .option('--event <file>', 'send the mended event of this file instead')
    .option('--all', 'replay every open letter that matches the filters', false)
    .option('--yes', 'do it', false)
    .option('--json', 'print the outcome as JSON', false)
    .action((id: string | undefined, options: ReplayOptions) =>
      run(() => runLettersReplay(context, id, options)),
    );
  letters
    .command('discard')
    .description('mark a letter as not to be mended; it may still be replayed')
    .argument('<id>', ID_HELP)
    .option('--nobody', NOBODY_HELP, false)
    .option('--json', 'print the outcome as JSON', false)
    .action((id: string, options: { nobody: boolean; json: boolean }) =>
      run(() => runLettersDiscard(context, id, options)),
    );
}

function addFilters(command: Command): Command {
  return command
    .option('--code <code>', 'why it could not be stored')
    .option('--type <type>', 'of the event')
    .option('--from <time>', 'earliest arrival: RFC 3339, a date, now-1d, …')
    .option('--to <time>', 'behind the latest arrival')
    .option('--contains <text>', 'text that its detail, id, source or value holds');
}

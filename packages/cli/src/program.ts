import { Command, CommanderError } from 'commander';
import { PACKS } from '@tidemark/packs';
import { collect, toCount, toSeconds } from './arguments.ts';
import { runImportCommand, type ImportOptions } from './commands/import.ts';
import {
  runKeysCreate,
  runKeysList,
  runKeysRevoke,
  runKeysRotate,
  type CreateKeyOptions,
  type RotateKeyOptions,
} from './commands/keys.ts';
import { runQueryCommand, type QueryOptions } from './commands/query.ts';
import { runStatusCommand } from './commands/status.ts';
import type { CliContext } from './context.ts';
import { CliFault, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE } from './fault.ts';
import { addOperations } from './operations-program.ts';

const WAIT_SECONDS_DEFAULT = 120;
const RETRY_SECONDS_DEFAULT = 120;

const ENVIRONMENT_HELP = `
Environment:
  TIDEMARK_API_KEY     the key to ask with (tm_…)
  TIDEMARK_URL         the server (default http://127.0.0.1:8080)
  TIDEMARK_INGEST_URL  where events are posted, if not there

Exit codes:
  0    done, and nothing is wrong
  1    asked, and found wrong: events missing, refused or unreadable, rollups that differ,
       a halted partition, not done in time, nothing compared or replayed
  2    wrong usage, or the server refuses a value (HTTP 400, 422)
  3    no answer: no connection, a key that may not ask (401, 403), not now (429, 503), …
  130  interrupted`;

/**
 * Runs one command line. Faults go to stderr, results to stdout.
 * @param args without the names of node and script
 * @returns the exit code; anything thrown is a bug
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  let exitCode = EXIT_OK;
  const program = createProgram(context, async (work) => {
    exitCode = await work();
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (context.signal.aborted) {
      context.stderr.write('interrupted; the same command goes on from here\n');
      return EXIT_INTERRUPTED;
    }
    if (!(error instanceof CliFault)) throw error;
    context.stderr.write(`tidemark: ${error.message}\n`);
    return error.exitCode;
  }
}

type Run = (work: () => Promise<number>) => Promise<void>;

function createProgram(context: CliContext, run: Run): Command {
  const program = new Command('tidemark')
    .description('Sends events to Tidemark and asks it questions.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError('(tidemark --help tells more)')
    .addHelpText('afterAll', ENVIRONMENT_HELP);
  addImport(program, context, run);
  addQuery(program, context, run);
  addKeys(program, context, run);
  program
    .command('status')
    .description('show how far the pipeline has come; exit code 1 when a partition has halted')
    .option('--json', 'print the answer as JSON', false)
    .action((options: { json: boolean }) => run(() => runStatusCommand(context, options)));
  addOperations(program, context, run);
  return program;
}

function addImport(program: Command, context: CliContext, run: Run): void {
  const mappings = PACKS.flatMap((pack) => pack.importMappings)
    .map(({ key, title }) => `\n  ${key}  ${title}`)
    .join('');
  program
    .command('import')
    .description('import files (plain or gzip); importing a file again changes nothing')
    .argument('<mapping>', 'how records become events')
    .argument('<file...>', 'the files')
    .option('--set <name=value>', 'fill a field of every event (repeat for several)', collect, [])
    .option('--no-wait', 'return when the events are accepted, not when they are visible')
    .option('--wait-seconds <seconds>', 'how long to wait for that at most', toSeconds, WAIT_SECONDS_DEFAULT)
    .option('--retry-seconds <seconds>', 'how long to try a batch at most', toSeconds, RETRY_SECONDS_DEFAULT)
    .option('--restart', 'do not go on where an interrupted import stopped', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', `\nMappings:${mappings}`)
    .action((mapping: string, files: string[], options: ImportOptions) =>
      run(() => runImportCommand(context, mapping, files, options)),
    );
}

function addQuery(program: Command, context: CliContext, run: Run): void {
  program
    .command('query')
    .description('ask for metrics over a range')
    .requiredOption('--metrics <keys>', 'metric keys, separated by commas')
    .requiredOption('--from <time>', 'start of the range: RFC 3339, a date, now-7d, …')
    .option('--to <time>', 'end of the range, not included', 'now')
    .option('--granularity <unit>', 'minute, hour, day, week, month, quarter or year')
    .option('--time-zone <name>', 'IANA time zone of calendar units')
    .option('--week-start <day>', 'first day of the week')
    .option('--group-by <dimensions>', 'dimensions, separated by commas')
    .option(
      '--filter <condition>',
      'dim=value, dim!=value, dim>n, "dim in a,b", … (repeat for several)',
      collect,
      [],
    )
    .option('--compare <range>', 'previous_period or previous_year')
    .option('--fill <fill>', 'what stands in empty buckets: none, null, zero or previous')
    .option('--order-by <metric[:asc|:desc]>', 'rank groups by a metric')
    .option('--limit <count>', 'how many groups to keep', toCount)
    .option('--json', 'print the answer as JSON', false)
    .action((options: QueryOptions) => run(() => runQueryCommand(context, options)));
}

function addKeys(program: Command, context: CliContext, run: Run): void {
  const keys = program.command('keys').description('create, list, rotate and revoke API keys (admins)');
  keys
    .command('create')
    .description('create a key and print it, this once')
    .requiredOption('--name <name>', 'what the key is for')
    .requiredOption('--role <role>', 'producer, viewer or admin')
    .option('--expires-at <time>', 'when it stops working (RFC 3339)')
    .option('--json', 'print the answer as JSON', false)
    .action((options: CreateKeyOptions) => run(() => runKeysCreate(context, options)));
  keys
    .command('list')
    .description('list the keys, without their secrets')
    .option('--json', 'print the answer as JSON', false)
    .action((options: { json: boolean }) => run(() => runKeysList(context, options)));
  keys
    .command('rotate')
    .description('replace a key by one that may do the same, and print it, this once')
    .argument('<id>', 'the id of the key, as keys list shows it')
    .requiredOption('--overlap <seconds>', 'how long the old key goes on')
    .option('--json', 'print the answer as JSON', false)
    .action((id: string, options: RotateKeyOptions) => run(() => runKeysRotate(context, id, options)));
  keys
    .command('revoke')
    .description('make a key stop working')
    .argument('<id>', 'the id of the key, as keys list shows it')
    .option('--json', 'print the outcome as JSON', false)
    .action((id: string, options: { json: boolean }) => run(() => runKeysRevoke(context, id, options)));
}

import { PACKS } from '@tidemark/packs';
import type { CliContext } from '../context.ts';
import { EXIT_FOUND, EXIT_OK, usageFault } from '../fault.ts';
import { createApiClient } from '../http/api-client.ts';
import { importFile } from '../import/import-file.ts';
import { compileMapping, findMapping } from '../import/mapping.ts';
import { createProgressReport } from '../import/progress.ts';
import type { FileOutcome } from '../import/run-import.ts';
import { type Visibility, waitUntilVisible } from '../import/wait-visible.ts';
import { readSettings } from '../settings.ts';

export interface ImportOptions {
  readonly set: readonly string[];
  readonly wait: boolean;
  readonly waitSeconds: number;
  readonly retrySeconds: number;
  readonly restart: boolean;
  readonly json: boolean;
}

/** Imports the files one after the other. @returns the exit code: not 0 when any record was refused or unreadable */
export async function runImportCommand(
  context: CliContext,
  mappingKey: string,
  files: readonly string[],
  options: ImportOptions,
): Promise<number> {
  const settings = readSettings(context.environment);
  const compiled = compileMapping(findMapping(PACKS, mappingKey), parseAssignments(options.set));
  const client = createApiClient(context, settings.apiKey);
  const report = createProgressReport(context);
  const environment = {
    context,
    settings,
    client,
    report,
    restart: options.restart,
    retryTotalMs: options.retrySeconds * 1_000,
  };
  const outcomes: FileOutcome[] = [];
  try {
    for (const file of files) outcomes.push(await importFile(file, compiled, environment));
  } finally {
    report.end();
  }
  const visibility = options.wait
    ? await waitUntilVisible(context, client, settings.url, options.waitSeconds * 1_000)
    : null;
  context.stdout.write(options.json ? toJson(outcomes, visibility) : toText(outcomes));
  if (visibility === 'unknown') {
    context.stderr.write(
      'this key may not read the status: the events are accepted, and will be visible soon\n',
    );
  }
  if (visibility === 'not-yet') {
    context.stderr.write(`all events are accepted, but not visible after ${options.waitSeconds} s\n`);
  }
  const isClean = outcomes.every(({ rejected, unreadable }) => rejected + unreadable === 0);
  return isClean && visibility !== 'not-yet' ? EXIT_OK : EXIT_FOUND;
}

function parseAssignments(assignments: readonly string[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const assignment of assignments) {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(assignment) ?? [];
    if (name === undefined || value === undefined) {
      throw usageFault(`--set ${JSON.stringify(assignment)}: expected name=value`);
    }
    if (settings.has(name)) throw usageFault(`--set ${name} is given twice`);
    settings.set(name, value);
  }
  return settings;
}

function toJson(files: readonly FileOutcome[], visibility: Visibility | null): string {
  const total = (count: (outcome: FileOutcome) => number): number =>
    files.reduce((sum, outcome) => sum + count(outcome), 0);
  const summary = {
    records: total(({ records }) => records),
    accepted: total(({ accepted }) => accepted),
    rejected: total(({ rejected }) => rejected),
    unreadable: total(({ unreadable }) => unreadable),
    visible: visibility === null || visibility === 'unknown' ? null : visibility === 'visible',
    files,
  };
  return `${JSON.stringify(summary)}\n`;
}

function toText(outcomes: readonly FileOutcome[]): string {
  return outcomes
    .map(({ file, records, accepted, rejected, unreadable, resumedFrom }) => {
      const count = (value: number): string => value.toLocaleString('en-US');
      const resumed = resumedFrom > 0 ? ` (went on after record ${count(resumedFrom)})` : '';
      return `${file}: ${count(records)} records, ${count(accepted)} accepted, ${count(rejected)} rejected, ${count(unreadable)} unreadable${resumed}\n`;
    })
    .join('');
}

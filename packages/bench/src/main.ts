/**
 * `npm run bench [-- --profile embedded|distributed|both --seconds N --json]`
 *
 * Starts the product from `dist` on loopback with data of its own, measures it beside the ceilings of the same machine in the
 * same run, prints the figures and stops everything. Exit code 1 when a floor is missed, 2 when it could not measure.
 * The same bundle is its own workers: `--worker <name>` (see `workers/`).
 */
import { parseArgs } from 'node:util';
import { isProfileChoice, profilesOf, PROFILE_CHOICES } from './profile.ts';
import { benchProfile } from './bench-profile.ts';
import { describeMachine } from './machine.ts';
import { renderReport } from './report.ts';
import type { ProfileReport } from './report.ts';
import { isWorkerName } from './workers/protocol.ts';
import { serveWorker } from './workers/serve.ts';

/** Of one round of the figures that are measured by the clock. */
const ROUND_SECONDS_DEFAULT = 2;
const ROUND_SECONDS_MAX = 60;

const { values } = parseArgs({
  options: {
    profile: { type: 'string', default: 'embedded' },
    seconds: { type: 'string', default: String(ROUND_SECONDS_DEFAULT) },
    json: { type: 'boolean', default: false },
    worker: { type: 'string' },
  },
});

async function main(): Promise<void> {
  if (values.worker !== undefined) {
    if (!isWorkerName(values.worker)) throw new Error(`there is no worker ${values.worker}`);
    await serveWorker(values.worker);
    return;
  }
  const { profile } = values;
  if (!isProfileChoice(profile)) {
    throw new Error(`--profile is ${profile}, expected one of ${PROFILE_CHOICES.join(', ')}`);
  }
  const roundSeconds = Number(values.seconds);
  if (!(roundSeconds >= 1 && roundSeconds <= ROUND_SECONDS_MAX)) {
    throw new Error(`--seconds is ${values.seconds}, expected 1 to ${ROUND_SECONDS_MAX}`);
  }
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const startedAt = new Date().toISOString();
  const profiles: ProfileReport[] = [];
  for (const name of profilesOf(profile)) {
    profiles.push(await benchProfile(name, { roundMs: roundSeconds * 1_000, log }));
  }
  const report = { startedAt, machine: describeMachine(), profiles };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  if (profiles.some(({ floors }) => floors.some((floor) => !floor.passed))) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});

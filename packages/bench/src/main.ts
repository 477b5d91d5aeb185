/**
 * `npm run bench [-- --profile embedded|distributed|both --seconds N --json]`
 * `npm run bench -- --scenario outage [--minutes 10 --rate 5000]`
 * `npm run bench -- --scenario rebuild [--profile … --events 1000000]`
 * `npm run bench -- --scenario exports [--rows 10000000]`
 * `npm run bench -- --scenario live [--profile … --subscribers 5000]`
 *
 * Starts the product from `dist` on loopback with data of its own, measures it beside the ceilings of the same machine in the
 * same run, prints the figures and stops everything. Exit code 1 when a floor is missed, 2 when it could not measure.
 * The same bundle is its own workers: `--worker <name>` (see `workers/`).
 */
import { parseArgs } from 'node:util';
import { MINUTE_MS } from '@tidemark/core';
import { isProfileChoice, profilesOf, PROFILE_CHOICES } from './profile.ts';
import type { Profile } from './profile.ts';
import { benchProfile } from './bench-profile.ts';
import { describeMachine } from './machine.ts';
import { renderReport } from './report.ts';
import type { ProfileReport } from './report.ts';
import { runExports } from './scenarios/exports.ts';
import { runLive } from './scenarios/live.ts';
import { runOutage } from './scenarios/outage.ts';
import { runRebuild } from './scenarios/rebuild.ts';
import { isWorkerName } from './workers/protocol.ts';
import { serveWorker } from './workers/serve.ts';

/** Of one round of the figures that are measured by the clock. */
const ROUND_SECONDS_DEFAULT = 2;
const ROUND_SECONDS_MAX = 60;
const OUTAGE_MINUTES_MAX = 60;
const EVENTS_MAX = 10_000_000;
/** As many as one credential may have. */
const SUBSCRIBERS_MAX = 5_000;
const EXPORT_ROWS_MAX = 100_000_000;

const { values } = parseArgs({
  options: {
    profile: { type: 'string', default: 'embedded' },
    seconds: { type: 'string', default: String(ROUND_SECONDS_DEFAULT) },
    json: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '5000' },
    events: { type: 'string', default: '1000000' },
    rows: { type: 'string', default: '10000000' },
    subscribers: { type: 'string', default: '5000' },
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
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  if (values.scenario !== undefined) {
    if (!(await playScenario(values.scenario, profilesOf(profile), log))) process.exitCode = 1;
    return;
  }
  const roundSeconds = Number(values.seconds);
  if (!(roundSeconds >= 1 && roundSeconds <= ROUND_SECONDS_MAX)) {
    throw new Error(`--seconds is ${values.seconds}, expected 1 to ${ROUND_SECONDS_MAX}`);
  }
  const startedAt = new Date().toISOString();
  const profiles: ProfileReport[] = [];
  for (const name of profilesOf(profile)) {
    profiles.push(await benchProfile(name, { roundMs: roundSeconds * 1_000, log }));
  }
  const report = { startedAt, machine: describeMachine(), profiles };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  if (profiles.some(({ floors }) => floors.some((floor) => !floor.passed))) process.exitCode = 1;
}

async function playScenario(
  scenario: string,
  profiles: readonly Profile[],
  log: (line: string) => void,
): Promise<boolean> {
  log(describeMachine());
  if (scenario === 'outage') {
    const outageMs = count('minutes', values.minutes, OUTAGE_MINUTES_MAX) * MINUTE_MS;
    return runOutage({ outageMs, eventsPerSecond: count('rate', values.rate, EVENTS_MAX), log });
  }
  if (scenario === 'exports') return runExports({ rows: count('rows', values.rows, EXPORT_ROWS_MAX), log });
  if (scenario !== 'rebuild' && scenario !== 'live') {
    throw new Error(`--scenario is ${scenario}, expected outage, rebuild, exports or live`);
  }
  let held = true;
  for (const profile of profiles) {
    const isHeld =
      scenario === 'live'
        ? await runLive({
            profile,
            subscribers: count('subscribers', values.subscribers, SUBSCRIBERS_MAX),
            log,
          })
        : await runRebuild({ profile, events: count('events', values.events, EVENTS_MAX), log });
    held = isHeld && held;
  }
  return held;
}

function count(name: string, text: string, maximum: number): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= maximum) return value;
  throw new Error(`--${name} is ${text}, expected a number up to ${maximum}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});

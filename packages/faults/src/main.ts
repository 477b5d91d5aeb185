/**
 * `npm run faults -- [--profile embedded|distributed|both] [--seconds N] [--seed S] [--faults name,name] [--json file]`
 *
 * Starts the product from `dist` on loopback with data of its own, loads it, hurts it and checks what it promised. Exit code 1
 * when a promise was broken, 2 when it could not be checked.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { type FaultReport, renderReport } from './report.ts';
import { runFaults } from './run.ts';
import { type Profile, PROFILES } from './system.ts';

const SECONDS_DEFAULT = '120';
const SECONDS_MIN = 10;
const SECONDS_MAX = 24 * 3_600;
/** Late events reach back three days; a run has as many more as it takes. */
const DAYS_VERIFIED_MAX = 10;
const SEED_MAX = 2 ** 31 - 1;

const { values } = parseArgs({
  options: {
    profile: { type: 'string', default: 'both' },
    seconds: { type: 'string', default: SECONDS_DEFAULT },
    seed: { type: 'string' },
    faults: { type: 'string' },
    json: { type: 'string' },
  },
});

async function main(): Promise<void> {
  const profiles = parseProfiles(values.profile);
  const seconds = parseWhole('seconds', values.seconds, SECONDS_MIN, SECONDS_MAX);
  const seed = values.seed === undefined ? randomInt(SEED_MAX) : parseWhole('seed', values.seed, 0, SEED_MAX);
  const faultNames = values.faults?.split(',').map((name) => name.trim()) ?? null;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  log(`seed ${seed}`);
  const machine = describeMachine();
  const reports: FaultReport[] = [];
  for (const profile of profiles) {
    const report = await runFaults({
      profile,
      length: { seconds },
      seed,
      faultNames,
      daysVerifiedMax: DAYS_VERIFIED_MAX,
      log,
    });
    reports.push(report);
    process.stdout.write(`${renderReport(report)}\n${machine}\n\n`);
  }
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ machine, reports }, null, 2)}\n`);
  if (reports.some(({ violations }) => violations > 0)) process.exitCode = 1;
}

function parseProfiles(text: string): readonly Profile[] {
  if (text === 'both') return PROFILES;
  const profile = PROFILES.find((known) => known === text);
  if (profile === undefined)
    throw new Error(`--profile is ${text}, expected one of ${[...PROFILES, 'both'].join(', ')}`);
  return [profile];
}

function parseWhole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`--${name} is ${text}, expected a whole number from ${min} to ${max}`);
  return value;
}

function describeMachine(): string {
  const [cpu] = os.cpus();
  const gib = Math.round(os.totalmem() / 1024 ** 3);
  return `${os.availableParallelism()} cores (${cpu?.model.trim() ?? 'unknown'}), ${gib} GiB, ${os.type()} ${os.release()}, Node ${process.version}`;
}

main().catch((error: unknown) => {
  process.stderr.write(`faults: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});

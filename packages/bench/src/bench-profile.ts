/** All measurements of one profile, in order, on fresh systems. */
import { waitFor, readStatus } from './asking.ts';
import { floorsOf } from './floors.ts';
import { loadAverage } from './machine.ts';
import { watchMemory } from './memory.ts';
import type { MemoryUse } from './memory.ts';
import { END_TO_END_SIZES, measureEndToEnd, sendUntilVisible } from './phases/end-to-end.ts';
import type { PhaseContext } from './phases/context.ts';
import { measureFreshness } from './phases/freshness.ts';
import { measureIngest } from './phases/ingest.ts';
import { countBare, fillEndMs, measureQuestions } from './phases/questions.ts';
import type { Profile } from './profile.ts';
import type { Figure, ProfileReport } from './report.ts';
import { startSystem } from './system.ts';
import type { System } from './system.ts';
import { readSteps } from './steps.ts';
import { startWorker } from './workers/start.ts';
import type { Worker } from './workers/start.ts';

/** The questions are asked of this many rows. */
const ROWS_TARGET = 1_000_000;
const ROLLUPS_DEADLINE_MS = 90_000;
/** Buckets that are still open stay dirty: of each tier one or two. */
const OPEN_BUCKETS_MAX = 8;

export async function benchProfile(profile: Profile, context: PhaseContext): Promise<ProfileReport> {
  context.log(`starting the ${profile} profile`);
  const load1m = loadAverage();
  const load = startWorker('load');
  try {
    const ingest = await benchIngest(profile, load, context);
    const pipeline = await benchPipeline(profile, load, context);
    const figures = [...ingest, ...pipeline.figures];
    return {
      profile,
      loadAverageAtStart: load1m,
      figures,
      questions: pipeline.questions,
      memory: pipeline.memory,
      steps: pipeline.steps,
      floors: floorsOf(profile, pipeline.floorValues),
    };
  } finally {
    await load.stop();
  }
}

async function benchIngest(
  profile: Profile,
  load: Worker<'load'>,
  context: PhaseContext,
): Promise<readonly Figure[]> {
  const system = await startSystem(profile, context.log);
  const bareServer = startWorker('bare-server');
  try {
    return await measureIngest(system, load, bareServer, context);
  } finally {
    await bareServer.stop();
    await system.remove();
  }
}

async function benchPipeline(profile: Profile, load: Worker<'load'>, context: PhaseContext) {
  const system = await startSystem(profile, context.log);
  const bareInsert = startWorker('bare-insert');
  const bareCount = startWorker('bare-count');
  try {
    const memory = watchMemory(system.servers);
    const endToEnd = await measureEndToEnd(system, load, bareInsert, END_TO_END_SIZES, context);
    await bareInsert.stop();
    const fill = await fillRows(system, load, endToEnd.stored, context);
    const memoryUse: readonly MemoryUse[] = await memory.stop();
    const steps = await readSteps(system.telemetryUrl);
    const freshness = await measureFreshness(system, context);
    const asked = await measureQuestions(system, load, context);
    await system.stop();
    const questions = await countBare(system, bareCount, asked);
    return {
      figures: [endToEnd.figure, fill, ...freshness.figures],
      questions,
      memory: memoryUse,
      steps,
      floorValues: {
        endToEndPerSecond: endToEnd.figure.measured.median,
        visibleP95Ms: freshness.visibleMs.p95,
      },
    };
  } finally {
    await bareInsert.stop();
    await bareCount.stop();
    await system.remove();
  }
}

/** Past events up to a million rows in all, and their rollups: what an import does. */
async function fillRows(
  system: System,
  load: Worker<'load'>,
  stored: number,
  { log }: PhaseContext,
): Promise<Figure> {
  const events = ROWS_TARGET - stored;
  log(`filling up to ${ROWS_TARGET.toLocaleString('en')} rows with past events`);
  const elapsedMs = await sendUntilVisible(system, load, {
    source: '/bench/fill',
    seed: 99,
    events,
    total: ROWS_TARGET,
    times: { kind: 'past-year', endMs: fillEndMs(Date.now()) },
  });
  log('waiting for rollups');
  await waitFor('the rollups of the past', ROLLUPS_DEADLINE_MS, async () => {
    const { dirtyBuckets } = await readStatus(system);
    return dirtyBuckets <= OPEN_BUCKETS_MAX;
  });
  const perSecond = events / (elapsedMs / 1_000);
  return {
    name: 'past events (a year) from ingest to visible, batches of 1,000',
    unit: 'events/s',
    better: 'higher',
    measured: { median: perSecond, min: perSecond, max: perSecond, samples: 1 },
    ceiling: null,
  };
}

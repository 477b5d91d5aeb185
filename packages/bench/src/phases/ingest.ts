/** What ingest acknowledges in a second, beside bare Fastify with the same bodies from the same client. */
import type { Figure } from '../report.ts';
import { spreadOf } from '../statistics.ts';
import type { System } from '../system.ts';
import type { HttpTarget } from '../workers/protocol.ts';
import type { Worker } from '../workers/start.ts';
import type { PhaseContext } from './context.ts';

const ROUNDS = 3;
const WARM_UP_MS = 1_000;

interface IngestLoad {
  readonly name: string;
  readonly unit: string;
  readonly eventsPerRequest: number;
  readonly connections: number;
}

const SINGLE: IngestLoad = {
  name: 'single events at ingest, acked',
  unit: 'requests/s',
  eventsPerRequest: 1,
  connections: 64,
};
const BATCHED: IngestLoad = {
  name: 'events in batches of 1,000 at ingest, acked',
  unit: 'events/s',
  eventsPerRequest: 1_000,
  connections: 4,
};

export async function measureIngest(
  system: System,
  load: Worker<'load'>,
  bareServer: Worker<'bare-server'>,
  context: PhaseContext,
): Promise<readonly Figure[]> {
  const { url } = await bareServer.ask({});
  const bare: HttpTarget = { url: `${url}/api/v1/events`, headers: { 'content-type': 'application/json' } };
  const figures: Figure[] = [];
  for (const kind of [SINGLE, BATCHED]) {
    context.log(`measuring ${kind.name}`);
    const measured: number[] = [];
    const ceiling: number[] = [];
    await measureRound(load, system.events, kind, 0, WARM_UP_MS);
    await measureRound(load, bare, kind, 0, WARM_UP_MS);
    for (let round = 1; round <= ROUNDS; round += 1) {
      ceiling.push(await measureRound(load, bare, kind, round, context.roundMs));
      measured.push(await measureRound(load, system.events, kind, round, context.roundMs));
    }
    figures.push({
      name: kind.name,
      unit: kind.unit,
      better: 'higher',
      measured: spreadOf(measured),
      ceiling: { name: 'bare Fastify, same body', measured: spreadOf(ceiling) },
    });
  }
  return figures;
}

/** Events per second. */
async function measureRound(
  load: Worker<'load'>,
  target: HttpTarget,
  { eventsPerRequest, connections }: IngestLoad,
  round: number,
  elapsedMs: number,
): Promise<number> {
  const source = `/bench/ingest/${eventsPerRequest}/${round}`;
  const answer = await load.ask({
    target,
    connections,
    body: { kind: 'events', eventsPerRequest, source, seed: round, times: { kind: 'now' } },
    until: { elapsedMs },
  });
  return (answer.requests * eventsPerRequest) / (answer.elapsedMs / 1_000);
}

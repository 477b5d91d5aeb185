/** One run: organizations, a quiet while, the attack with somebody standing by, and the account of it. */
import { createRandom } from '../random.ts';
import { Accepted, type Books } from './accepted.ts';
import { Bystander, type BystanderFigures } from './bystander.ts';
import { createJsonCalls } from './json-calls.ts';
import { judgeAnswer, type Judgement, timeBounds } from './judge.ts';
import { type OpenApiDocument, type Operation, operationsOf } from './operations.ts';
import { type PlannedRequest, planRequest, turnsOf } from './plan.ts';
import { sendRaw } from './raw-http.ts';
import { renderEvidence } from './evidence.ts';
import { setUpWorld } from './setup.ts';
import { type Evidence, Tally, type TallyFigures } from './tally.ts';
import type { HostileTarget } from './target.ts';
import type { World } from './world.ts';

/** Longer than any request may take: what is slower counts as no answer. */
const TIMEOUT_MS = 180_000;
const AT_ONCE = 4;
/** What the product reads of a request before it refuses the rest. */
const BODY_BYTES_MAX = 1024 * 1024;
const HEAD_BYTES_MAX = 15 * 1024;
const REPAIR_EVERY = 200;
const PROGRESS_EVERY = 1_000;
const MEMORY_EVERY = 50;
/** A quiet answer takes some 10 ms: three times that is less than one garbage collection. */
const BYSTANDER_MS_FLOOR = 500;
const BYSTANDER_TIMES_MAX = 3;
const OPEN_API_PATH = '/api/v1/openapi.json';
/** An error that nobody expected, or the end. */
const BAD_LINE = /"level":"(?:error|fatal)"|unhandled|uncaught/i;
const BAD_LINES_SHOWN = 10;

export interface RunOptions {
  readonly target: HostileTarget;
  readonly requests: number;
  readonly seed: number;
  readonly seedEvents: number;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
}

export interface HostileReport {
  readonly seed: number;
  readonly seconds: number;
  readonly operations: number;
  readonly answers: TallyFigures;
  readonly answerMsMax: number;
  readonly bystander: BystanderFigures & { readonly isUnharmed: boolean };
  readonly books: readonly Books[];
  /** Null when the processes are not ours. */
  readonly memoryMib: { readonly start: number; readonly peak: number; readonly end: number } | null;
  readonly badLogLines: readonly string[];
  readonly evidence: readonly Evidence[];
  readonly isPassed: boolean;
}

/** Requests that break off on purpose: HTTP knows no other answer. */
const UNANSWERED_BY_RIGHT: readonly ((request: PlannedRequest) => boolean)[] = [
  // Refused while it is still being sent: the answer may be lost with the connection that is closed on it.
  ({ body }) => (body?.length ?? 0) > BODY_BYTES_MAX,
  ({ target, headers }) => target.length + headers.flat().join('').length > HEAD_BYTES_MAX,
  // A tunnel: a server that makes none closes the connection (Node, `connect` without a listener).
  ({ method }) => method === 'CONNECT',
];

/** @throws Error when it could not run; what it found is in the report */
export async function runHostile(options: RunOptions): Promise<HostileReport> {
  const { target, requests, seed, nowMs, log } = options;
  const startedAtMs = nowMs();
  const calls = createJsonCalls(target.gatewayUrl);
  const world = await setUpWorld(options);
  const { document, operations, urlOf } = await describeTarget(target);
  log(`${operations.length} operations, ${requests} requests, seed ${seed}`);
  const bystander = new Bystander({ calls, tenant: world.bystander, nowMs });
  await bystander.learn();
  const bounds = timeBounds(bystander.figures().quietP95Ms);
  const memory = new Memory(target);
  await memory.take();
  const tally = new Tally(world);
  const accepted = new Accepted();
  const turns = turnsOf(operations);
  bystander.start();

  let next = 0;
  async function attack(): Promise<void> {
    for (let serial = next++; serial < requests; serial = next++) {
      const request = planRequest(serial, createRandom(seed, serial), { turns, document, world });
      await exchange(serial, request);
      if (serial % MEMORY_EVERY === 0) await memory.take();
      if (serial % REPAIR_EVERY === 0) await repair(world, target);
      if (serial % PROGRESS_EVERY === 0) log(`${serial} requests, ${tally.breachCount} breaches`);
    }
  }

  function tell(serial: number, request: PlannedRequest, judgement: Judgement): void {
    const evidence = tally.breach(serial, request, judgement);
    if (evidence !== null) log(renderEvidence(evidence));
  }

  async function exchange(serial: number, request: PlannedRequest): Promise<void> {
    const { hostname, port } = new URL(urlOf(request.operation));
    try {
      const answer = await sendRaw(request, {
        host: hostname,
        port: Number(port),
        timeoutMs: TIMEOUT_MS,
        nowMs,
      });
      tally.answered(request, answer);
      accepted.take(request, request.target, answer);
      for (const judgement of judgeAnswer(request, answer, world, bounds)) tell(serial, request, judgement);
    } catch (error) {
      tally.unanswered();
      if (UNANSWERED_BY_RIGHT.some((isRight) => isRight(request))) return;
      tell(serial, request, { breach: 'no answer', detail: String(error) });
      const [ended] = target.ended();
      if (ended !== undefined) throw new Error(`${ended} ended at request ${serial}`, { cause: error });
    }
  }

  try {
    await Promise.all(Array.from({ length: AT_ONCE }, attack));
  } finally {
    await bystander.stop();
  }
  await repair(world, target);
  const books: Books[] = [];
  for (const tenant of [...world.attacked, world.bystander])
    books.push(await accepted.books(calls, tenant, nowMs));
  await memory.take();
  const badLogLines = (await target.logLines()).filter((line) => BAD_LINE.test(line));
  const stood = bystander.figures();
  const isUnharmed =
    stood.wrong.length === 0 &&
    stood.p95Ms <= Math.max(BYSTANDER_MS_FLOOR, BYSTANDER_TIMES_MAX * stood.quietP95Ms);
  return {
    seed,
    seconds: Math.round((nowMs() - startedAtMs) / 1_000),
    operations: operations.length,
    answers: tally.figures(),
    answerMsMax: bounds.answerMsMax,
    bystander: { ...stood, isUnharmed },
    books,
    memoryMib: memory.figures(),
    badLogLines: badLogLines.slice(0, BAD_LINES_SHOWN),
    evidence: tally.evidence,
    isPassed:
      tally.breachCount === 0 &&
      isUnharmed &&
      badLogLines.length === 0 &&
      target.ended().length === 0 &&
      books.every(({ areBalanced }) => areBalanced),
  };
}

interface Described {
  readonly document: OpenApiDocument;
  readonly operations: readonly Operation[];
  readonly urlOf: (operation: string) => string;
}

/** The operations of both doors; of one process they are the same. */
async function describeTarget({ ingestUrl, gatewayUrl }: HostileTarget): Promise<Described> {
  const documents: OpenApiDocument[] = [];
  const urls = new Map<string, string>();
  const operations: Operation[] = [];
  for (const url of new Set([gatewayUrl, ingestUrl])) {
    const document = (await (await fetch(`${url}${OPEN_API_PATH}`)).json()) as OpenApiDocument;
    documents.push(document);
    for (const operation of operationsOf(document)) {
      if (urls.has(operation.name)) continue;
      urls.set(operation.name, url);
      operations.push(operation);
    }
  }
  const schemas = Object.fromEntries(
    documents.flatMap(({ components }) => Object.entries(components?.schemas ?? {})),
  );
  return {
    document: { paths: {}, components: { schemas } },
    operations,
    urlOf: (operation) => urls.get(operation) ?? gatewayUrl,
  };
}

/** Attacks may lawfully switch off what later ones need: packs, the victims. */
async function repair(world: World, { gatewayUrl }: HostileTarget): Promise<void> {
  const calls = createJsonCalls(gatewayUrl);
  for (const { admin } of world.attacked)
    await calls.send('PUT', '/api/v1/organization/settings', admin.key ?? '', { enabledPacks: null });
  for (const victim of world.victims)
    await calls.send('PATCH', `/api/v1/organizations/${victim}`, world.operator.key ?? '', {
      disabled: false,
    });
}

class Memory {
  readonly #target: HostileTarget;
  readonly #samples: number[] = [];

  constructor(target: HostileTarget) {
    this.#target = target;
  }

  async take(): Promise<void> {
    const mib = await this.#target.residentMib();
    if (mib !== null) this.#samples.push(mib);
  }

  figures(): HostileReport['memoryMib'] {
    const [start] = this.#samples;
    const end = this.#samples.at(-1);
    return start === undefined || end === undefined ? null : { start, peak: Math.max(...this.#samples), end };
  }
}

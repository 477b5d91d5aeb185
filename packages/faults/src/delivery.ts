/** One request, sent again and again until it is taken; what the answer says is judged and put on the record. */
import { setTimeout as delay } from 'node:timers/promises';
import { WAIT_LEVELS, type WaitLevel } from '@tidemark/contracts';
import { type WaitCheck, WAIT_SECONDS } from './check-waits.ts';
import type { Findings } from './findings.ts';
import { exchange, type HttpAnswer } from './http.ts';
import type { Journal } from './journal.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import type { Receipts } from './receipts.ts';
import type { Refusals } from './refusals.ts';
import type { RejectItem, Rejects } from './rejects.ts';
import type { PlannedRequest } from './requests.ts';
import type { System } from './system.ts';

const ATTEMPT_TIMEOUT_MS = 30_000;
const RETRY_MIN_MS = 150;
const RETRY_MAX_MS = 600;
/** Of the attempts, half to be stored and half to be visible. */
const WAIT_SHARE = 0.2;

export interface DeliveryOptions {
  readonly system: Pick<System, 'ingestUrl' | 'ingest' | 'keys'>;
  readonly oracle: Oracle;
  readonly rejects: Rejects;
  readonly receipts: Receipts;
  readonly refusals: Refusals;
  readonly waits: WaitCheck;
  readonly journal: Journal;
  readonly findings: Findings;
  readonly random: Random;
  readonly nowMs: () => number;
}

export interface Delivered {
  readonly isTaken: boolean;
  readonly attempts: number;
  readonly connectionsBroken: number;
}

/** What goes out this time beside the events. */
interface Attempt {
  readonly rejects: readonly RejectItem[];
  readonly wait: WaitLevel | null;
}

/** @param isEnding true: nobody waits for it any more @param wait what is waited for; drawn for each attempt when absent */
export async function deliver(
  request: PlannedRequest,
  on: DeliveryOptions,
  isEnding: () => boolean,
  wait?: WaitLevel,
): Promise<Delivered> {
  const { findings, random } = on;
  let connectionsBroken = 0;
  for (let attempts = 1; ; attempts += 1) {
    const drawn = drawAttempt(request, on);
    const attempt = wait === undefined ? drawn : { ...drawn, wait };
    const answer = await send(request, attempt, on);
    if (answer === null) connectionsBroken += 1;
    else if (await judge(answer, attempt, request, on)) {
      if (attempts > 1) findings.checked('I9');
      return { isTaken: true, attempts, connectionsBroken };
    }
    if (isEnding()) {
      findings.violated('I9', 'a request was never taken', describe(request));
      return { isTaken: false, attempts, connectionsBroken };
    }
    await delay(random.integer(RETRY_MIN_MS, RETRY_MAX_MS));
  }
}

function drawAttempt({ organization }: PlannedRequest, { rejects, random }: DeliveryOptions): Attempt {
  const isWaiting = random.chance(WAIT_SHARE);
  return {
    rejects: rejects.draw(organization, random),
    wait: isWaiting ? random.pick(WAIT_LEVELS) : null,
  };
}

/** Null when the connection broke. */
async function send(
  request: PlannedRequest,
  { rejects, wait }: Attempt,
  { system, findings, random, nowMs }: DeliveryOptions,
): Promise<HttpAnswer | null> {
  const startedAtMs = nowMs();
  const texts = rejects.map(({ text }) => text);
  const place = random.integer(0, request.items.length);
  const items = [...request.items.slice(0, place), ...texts, ...request.items.slice(place)];
  const parameters = wait === null ? '' : `?wait=${wait}&timeout=${WAIT_SECONDS}`;
  try {
    return await exchange({
      url: `${system.ingestUrl}/api/v1/events${parameters}`,
      key: system.keys[request.organization] ?? '',
      body: `[${items.join(',')}]`,
      timeoutMs: ATTEMPT_TIMEOUT_MS,
    });
  } catch (error) {
    const failedAtMs = nowMs();
    // The end of a process is known a little after the end of its connections.
    await delay(RETRY_MIN_MS);
    findings.checked('I8');
    if (!system.ingest.wasDisturbed(startedAtMs, failedAtMs))
      findings.violated('I8', 'a connection broke although ingest was up', {
        ...describe(request),
        error: String(error),
      });
    return null;
  }
}

/** True when it was taken, and the promise of that is on the disk. */
async function judge(
  answer: HttpAnswer,
  { rejects, wait }: Attempt,
  request: PlannedRequest,
  on: DeliveryOptions,
): Promise<boolean> {
  const { status, body } = answer;
  if (status !== 202 && status !== 200) {
    on.refusals.take(answer, describe(request));
    return false;
  }
  const acknowledgedAtMs = on.nowMs();
  // Asked before anything else happens: what was waited for must be there now.
  const confirmed = on.waits.take(answer, wait, request);
  const named = (body['rejected'] as readonly { readonly id: string | null }[]).map(({ id }) => id);
  const expected = rejects.map(({ id }) => id);
  if (body['accepted'] !== request.events.length || JSON.stringify(named) !== JSON.stringify(expected))
    on.findings.violated('I8', 'valid events were rejected, or invalid ones taken', {
      ...describe(request),
      expected,
      body,
    });
  const { batch, kind, baseMs, organization, events } = request;
  await on.journal.append({ batch, kind, baseMs, acknowledgedAtMs });
  on.oracle.acknowledge(request, acknowledgedAtMs);
  on.rejects.acknowledge(organization, rejects);
  on.receipts.note(organization, {
    atMs: acknowledgedAtMs,
    acknowledged: events.length,
    rejected: rejects.length,
  });
  await confirmed;
  return true;
}

function describe({ batch, kind, organization, events }: PlannedRequest) {
  return { batch, kind, organization, events: events.length };
}

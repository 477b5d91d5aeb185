/** What no answer to anybody may be, whatever was asked. */
import { ERROR_CODES } from '@tidemark/core';
import type { PlannedRequest } from './plan.ts';
import type { RawAnswer } from './raw-http.ts';
import type { World } from './world.ts';

export const BREACHES = [
  'a fault of the server',
  'refused for lack of means',
  'no answer',
  'a refusal that is no problem+json of the table',
  'another organization shows',
  'a secret shows',
  'the inside shows',
  'a header was injected',
  'too slow',
  'the server ended',
] as const;
export type Breach = (typeof BREACHES)[number];

export interface Judgement {
  readonly breach: Breach;
  readonly detail: string;
}

/** Plus what a request asked to wait. */
const ANSWER_MS_MAX = 10_000;
/** A view asks dozens of questions, and several are under way. So many times what a question takes there while nothing else is asked. */
const ANSWER_QUIET_TIMES_MAX = 100;
/** A machine on which a simple question takes longer cannot be held to times: see `TimeBounds`. */
const BUSY_QUIET_MS = 250;
const PROBLEM = 'application/problem+json';
const EXCERPT = 60;

/** What only the inside of a program says. */
const INSIDE: readonly RegExp[] = [
  /\n\s+at .{1,200}:\d+:\d+/,
  /node_modules|dist\/[a-z]+\.js|file:\/\/\//,
  /\.(?:m|c)?ts:\d+:\d+/,
  /DB::Exception|Code: \d+\. |\bchdb\b|PGlite|LMDB/,
  /\bSELECT\b[^"]{1,300}\bFROM\b|\bINSERT INTO\b|\bFORMAT JSON\w*/,
  /(?:Type|Range|Reference|Syntax)Error\b/,
  /Cannot read propert|is not a function|is not iterable|of undefined|Maximum call stack/,
  /violates \w+(?:-\w+)* constraint|invalid byte sequence|relation "/,
  /\b(?:ECONN\w+|ENOENT|EPIPE|EACCES|ETIMEDOUT)\b/,
  /root:x:0:0/,
  /secret_?hash/i,
];

export interface TimeBounds {
  readonly answerMsMax: number;
  /** Whether questions may run out of time (`query-timeout`), which then tells of the machine. */
  readonly mayRunOut: boolean;
}

/** @param quietMs the 95th percentile of simple questions while nothing is attacked */
export function timeBounds(quietMs: number): TimeBounds {
  return {
    answerMsMax: Math.max(ANSWER_MS_MAX, ANSWER_QUIET_TIMES_MAX * quietMs),
    mayRunOut: quietMs > BUSY_QUIET_MS,
  };
}

/** All that is wrong with the answer; nothing when it is as it must be. */
export function judgeAnswer(
  request: PlannedRequest,
  answer: RawAnswer,
  world: Pick<World, 'attacked' | 'bystander' | 'secrets'>,
  bounds: TimeBounds,
): readonly Judgement[] {
  return [
    ...judgeStatus(request, answer, bounds),
    ...judgeLeaks(request, answer, world),
    ...judgeHeaders(answer),
    ...judgeTime(request, answer, bounds),
  ];
}

function judgeStatus(
  request: PlannedRequest,
  answer: RawAnswer,
  { mayRunOut }: TimeBounds,
): readonly Judgement[] {
  const { status, headers, body } = answer;
  if (status < 400) return [];
  const excerpt = `${status} ${body.slice(0, 300)}`;
  const code = codeOf(body);
  if (code === 'query-timeout' && mayRunOut) return [];
  if (status === 503 && headers.has('retry-after'))
    return [{ breach: 'refused for lack of means', detail: excerpt }];
  if (status >= 500) return [{ breach: 'a fault of the server', detail: excerpt }];
  if (request.method === 'HEAD') return [];
  const known =
    code !== null && Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES] : null;
  const isProblem = headers.get('content-type')?.startsWith(PROBLEM) === true && known?.status === status;
  return isProblem ? [] : [{ breach: 'a refusal that is no problem+json of the table', detail: excerpt }];
}

function codeOf(body: string): string | null {
  try {
    const { code } = JSON.parse(body) as { code?: unknown };
    return typeof code === 'string' ? code : null;
  } catch {
    // No JSON, so no problem.
    return null;
  }
}

/** Of what the request itself holds, an answer may speak. */
function judgeLeaks(
  request: PlannedRequest,
  { head, body }: RawAnswer,
  { attacked, bystander, secrets }: Pick<World, 'attacked' | 'bystander' | 'secrets'>,
): readonly Judgement[] {
  const text = `${head}\n${body}`;
  const sent = sentText(request);
  const found: Judgement[] = [];
  for (const { id, canary } of [...attacked, bystander]) {
    if (id === request.caller.organization || !text.includes(canary) || sent.includes(canary)) continue;
    found.push({ breach: 'another organization shows', detail: around(text, text.indexOf(canary)) });
  }
  const secret = secrets.find((one) => text.includes(one));
  if (secret !== undefined)
    found.push({ breach: 'a secret shows', detail: around(text, text.indexOf(secret)) });
  for (const pattern of INSIDE) {
    const match = pattern.exec(text);
    if (match === null || sent.includes(match[0])) continue;
    found.push({ breach: 'the inside shows', detail: around(text, match.index) });
  }
  return found;
}

function judgeHeaders({ headers }: RawAnswer): readonly Judgement[] {
  const injected = ['set-cookie', 'x-injected'].find((name) => headers.has(name));
  return injected === undefined ? [] : [{ breach: 'a header was injected', detail: injected }];
}

function judgeTime(
  { target, operation }: PlannedRequest,
  { elapsedMs }: RawAnswer,
  { answerMsMax }: TimeBounds,
): readonly Judgement[] {
  const msMax = answerMsMax + waitedMs(target);
  if (elapsedMs <= msMax) return [];
  return [{ breach: 'too slow', detail: `${Math.round(elapsedMs)} ms for ${operation}` }];
}

/** What the request asked to be kept waiting. */
function waitedMs(target: string): number {
  if (!/[?&]wait=/.test(target)) return 0;
  const seconds = Number(/[?&]timeout=(\d{1,2})(?:&|$)/.exec(target)?.[1] ?? '10');
  return seconds * 1_000;
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - EXCERPT), at + 2 * EXCERPT);
}

/** Path, headers and body; encoded and decoded as far as that is possible. */
function sentText({ target, headers, body }: PlannedRequest): string {
  const sent = headers.filter(([name]) => name !== 'Authorization').flat();
  return [target, decoded(target), ...sent, body?.toString('utf8') ?? ''].join('\n');
}

function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

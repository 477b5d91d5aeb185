/** What came of each request, counted, and what was wrong, kept. */
import { BREACHES, type Breach, type Judgement } from './judge.ts';
import type { PlannedRequest } from './plan.ts';
import { quantile } from './bystander.ts';
import type { RawAnswer } from './raw-http.ts';
import type { World } from './world.ts';

/** Of each breach: the first say what the others would. */
const EVIDENCE_MAX = 40;
const BODY_SHOWN = 600;

export interface Evidence {
  readonly serial: number;
  readonly breach: Breach;
  readonly detail: string;
  readonly operation: string;
  readonly attack: string;
  readonly caller: string;
  /** What was sent, without the credential; long parts are cut. */
  readonly request: string;
}

export interface TallyFigures {
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly breaches: Readonly<Record<Breach, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  readonly slowest: readonly string[];
  /** Operations that no request got a 2xx of. */
  readonly neverDone: readonly string[];
  /** Answers that hold texts of the caller's own organization: what a leak would look like is seen. */
  readonly ownTextSeen: number;
}

export class Tally {
  readonly evidence: Evidence[] = [];
  readonly #byStatus = new Map<string, number>();
  readonly #breaches = new Map<Breach, number>(BREACHES.map((breach) => [breach, 0]));
  readonly #times: { readonly ms: number; readonly what: string }[] = [];
  readonly #done = new Map<string, boolean>();
  readonly #world: Pick<World, 'attacked'>;
  #ownTextSeen = 0;

  constructor(world: Pick<World, 'attacked'>) {
    this.#world = world;
  }

  get breachCount(): number {
    return [...this.#breaches.values()].reduce((sum, count) => sum + count, 0);
  }

  answered(request: PlannedRequest, { status, body, elapsedMs }: RawAnswer): void {
    countOne(this.#byStatus, String(status));
    const { operation, attack, caller } = request;
    this.#times.push({ ms: elapsedMs, what: `${operation} (${attack}) ${status}` });
    this.#done.set(operation, (this.#done.get(operation) ?? false) || (status >= 200 && status < 300));
    const own = this.#world.attacked.find(({ id }) => id === caller.organization);
    if (own !== undefined && body.includes(own.canary)) this.#ownTextSeen += 1;
  }

  unanswered(): void {
    countOne(this.#byStatus, 'none');
  }

  /** @returns what to tell of it at once; null when enough of its kind are known */
  breach(serial: number, request: PlannedRequest, { breach, detail }: Judgement): Evidence | null {
    countOne(this.#breaches, breach);
    if ((this.#breaches.get(breach) ?? 0) > EVIDENCE_MAX) return null;
    const { operation, attack, caller } = request;
    const evidence = {
      serial,
      breach,
      detail,
      operation,
      attack,
      caller: caller.name,
      request: shown(request),
    };
    this.evidence.push(evidence);
    return evidence;
  }

  figures(): TallyFigures {
    const times = this.#times.map(({ ms }) => ms);
    const slowest = [...this.#times].sort((left, right) => right.ms - left.ms).slice(0, 5);
    return {
      requests: [...this.#byStatus.values()].reduce((sum, one) => sum + one, 0),
      byStatus: Object.fromEntries([...this.#byStatus].sort(([left], [right]) => left.localeCompare(right))),
      breaches: Object.fromEntries(this.#breaches) as Record<Breach, number>,
      p50Ms: Math.round(quantile(times, 0.5)),
      p99Ms: Math.round(quantile(times, 0.99)),
      slowestMs: Math.round(quantile(times, 1)),
      slowest: slowest.map(({ ms, what }) => `${Math.round(ms)} ms ${what}`),
      neverDone: [...this.#done].flatMap(([operation, isDone]) => (isDone ? [] : [operation])),
      ownTextSeen: this.#ownTextSeen,
    };
  }
}

function countOne<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function shown({ method, target, headers, body }: PlannedRequest): string {
  const lines = headers.flatMap(([name, value]) =>
    value.startsWith('Bearer tm_') ? [] : [`${name}: ${value.slice(0, 200)}`],
  );
  const text = body === null ? '' : body.toString('utf8', 0, BODY_SHOWN);
  return [`${method} ${target.slice(0, BODY_SHOWN)}`, ...lines.slice(0, 10), '', text].join('\n');
}

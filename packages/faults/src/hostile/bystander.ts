/** A well-meaning client of an organization nobody attacks: the same good questions, once a second, with known answers. */
import type { JsonCalls } from './json-calls.ts';
import type { Tenant } from './world.ts';

const PAUSE_MS = 1_000;
const QUIET_ROUNDS = 15;

export interface BystanderFigures {
  readonly asked: number;
  readonly quietP95Ms: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly slowestMs: number;
  /** Answers that were other than before, or none. */
  readonly wrong: readonly string[];
}

export interface BystanderOptions {
  readonly calls: JsonCalls;
  readonly tenant: Tenant;
  readonly nowMs: () => number;
}

export class Bystander {
  readonly #on: BystanderOptions;
  readonly #expected = new Map<string, string>();
  readonly #quietMs: number[] = [];
  readonly #times: number[] = [];
  readonly #wrong: string[] = [];
  #going: Promise<void> | null = null;
  readonly #stop = new AbortController();

  constructor(options: BystanderOptions) {
    this.#on = options;
  }

  /** Learns the answers and how long they take while nothing else goes on. @throws Error when the known totals are not answered */
  async learn(): Promise<void> {
    const { tenant } = this.#on;
    for (let round = 0; round < QUIET_ROUNDS; round += 1)
      for (const question of this.#questions()) {
        const [answer, ms] = await this.#timed(question);
        // The first of each warms up.
        if (round > 0) this.#quietMs.push(ms);
        const known = this.#expected.get(question.name);
        if (known !== undefined && known !== answer)
          throw new Error(`the answer to ${question.name} changes by itself`);
        this.#expected.set(question.name, answer);
      }
    const total = this.#expected.get('the total') ?? '';
    if (
      !total.includes(`"value":${tenant.seed.requests},`) &&
      !total.includes(`"value":${tenant.seed.requests}}`)
    )
      throw new Error(`${tenant.seed.requests} requests were sent, the answer is ${total.slice(0, 500)}`);
  }

  start(): void {
    this.#going = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#going;
  }

  figures(): BystanderFigures {
    return {
      asked: this.#times.length,
      quietP95Ms: quantile(this.#quietMs, 0.95),
      p50Ms: quantile(this.#times, 0.5),
      p95Ms: quantile(this.#times, 0.95),
      slowestMs: quantile(this.#times, 1),
      wrong: this.#wrong,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const questions = this.#questions();
    for (let turn = 0; !signal.aborted; turn += 1) {
      const question = questions[turn % questions.length];
      if (question === undefined) throw new Error('there are no questions');
      const startedAtMs = this.#on.nowMs();
      try {
        const [answer, ms] = await this.#timed(question);
        this.#times.push(ms);
        if (answer !== this.#expected.get(question.name))
          this.#wrong.push(`${question.name}: ${answer.slice(0, 300)}`);
      } catch (error) {
        this.#times.push(this.#on.nowMs() - startedAtMs);
        this.#wrong.push(`${question.name}: ${String(error)}`);
      }
      await pause(PAUSE_MS, signal);
    }
  }

  async #timed(question: Question): Promise<readonly [string, number]> {
    const startedAtMs = this.#on.nowMs();
    const { method, path, body } = question;
    const answer = await this.#on.calls.send(method, path, this.#on.tenant.admin.key ?? '', body);
    return [JSON.stringify(question.of(answer)), this.#on.nowMs() - startedAtMs];
  }

  #questions(): readonly Question[] {
    const { from, to } = this.#on.tenant.seed;
    const query = { from, to, metrics: ['http.requests'] };
    const post = { method: 'POST', path: '/api/v1/query?use_cache=false' };
    const range = new URLSearchParams({ from, to }).toString();
    return [
      { name: 'the total', ...post, body: query, of: (answer) => answer['series'] },
      {
        name: 'the hours',
        ...post,
        body: {
          ...query,
          metrics: ['http.requests', 'http.error_rate'],
          granularity: 'hour',
          groupBy: ['service'],
        },
        of: (answer) => answer['series'],
      },
      {
        name: 'the users',
        ...post,
        body: { ...query, groupBy: ['user'], limit: 5 },
        of: (answer) => answer['series'],
      },
      {
        name: 'a series',
        method: 'GET',
        path: `/api/v1/metrics/llm.requests/series?granularity=hour&${range}`,
        of: (answer) => answer['series'],
      },
      { name: 'the packs', method: 'GET', path: '/api/v1/metrics', of: (answer) => answer['metrics'] },
    ];
  }
}

interface Question {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** What of the answer stays the same. */
  readonly of: (answer: Readonly<Record<string, unknown>>) => unknown;
}

/** 0 of nothing. @param level 0 to 1 */
export function quantile(values: readonly number[], level: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.ceil(level * sorted.length) - 1] ?? sorted[0] ?? 0;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

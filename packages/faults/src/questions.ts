/** What the product is asked over its API. Whatever it answers beside 200, and connections that break, are judged here. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerAnswer, Verified } from '@tidemark/contracts';
import type { Answer, Query } from '@tidemark/core';
import type { Findings } from './findings.ts';
import { exchange } from './http.ts';
import { ledgerPath } from './ledger.ts';
import { Refusals } from './refusals.ts';
import type { System } from './system.ts';

const ANSWER_TIMEOUT_MS = 45_000;
const JUDGE_AFTER_MS = 150;
const LETTERS_PER_PAGE = 1_000;

export interface QuestionFigures {
  readonly answers: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly connectionsBroken: number;
}

/** As `GET /api/v1/dead-letters` shows it. */
export interface FoundLetter {
  readonly id: string;
  readonly organization: string | null;
  readonly stage: string;
  readonly eventSource: string | null;
  readonly eventId: string | null;
}

interface LetterPage {
  readonly deadLetters: readonly FoundLetter[];
  readonly cursor: string | null;
}

/** Event or arrival time, RFC 3339. */
export interface TimeRange {
  readonly from: string;
  readonly to: string;
}

export interface QuestionsOptions {
  readonly system: Pick<System, 'gatewayUrl' | 'gateway' | 'keys' | 'operatorKey'>;
  readonly findings: Findings;
  readonly nowMs: () => number;
}

/** Every answer is null when the product could not answer now, which it may say. */
export class Questions {
  readonly #on: QuestionsOptions;
  readonly #refusals: Refusals;
  #answers = 0;
  #connectionsBroken = 0;

  constructor(options: QuestionsOptions) {
    this.#on = options;
    this.#refusals = new Refusals(options.findings);
  }

  figures(): QuestionFigures {
    return {
      answers: this.#answers,
      refused: this.#refusals.figures(),
      connectionsBroken: this.#connectionsBroken,
    };
  }

  async ask(organization: number, query: Query): Promise<Answer | null> {
    return this.#ofOrganization<Answer>(organization, '/api/v1/query', query);
  }

  async status(): Promise<Readonly<Record<string, unknown>> | null> {
    return this.#ofOrganization(0, '/api/v1/status');
  }

  /** Records that the product has taken from the log for good. */
  async storedRecords(): Promise<number | null> {
    const status = await this.status();
    if (status === null) return null;
    const partitions = status['partitions'] as readonly { readonly nextOffset: number }[];
    return partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
  }

  async books(organization: number): Promise<LedgerAnswer | null> {
    return this.#ofOrganization(organization, ledgerPath(this.#on.nowMs()));
  }

  /** Closed buckets whose rollups are not made yet. */
  async dirtyBuckets(organization: number, range: TimeRange): Promise<number | null> {
    const path = `/api/v1/analytics/aggregate?${new URLSearchParams({ ...range }).toString()}`;
    const answer = await this.#ofOrganization<{ dirtyBuckets: number }>(organization, path);
    return answer?.dirtyBuckets ?? null;
  }

  /** @param range of a day at most */
  async verify(organization: number, range: TimeRange): Promise<Verified | null> {
    return this.#ofOrganization(organization, '/api/v1/analytics/verify', range);
  }

  /** All of them. @param organization null: those that do not say whose they are */
  async letters(organization: number | null): Promise<readonly FoundLetter[] | null> {
    const { system } = this.#on;
    const key = organization === null ? system.operatorKey : (system.keys[organization] ?? '');
    const found: FoundLetter[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const parameters = new URLSearchParams({ limit: String(LETTERS_PER_PAGE) });
      if (organization === null) parameters.set('organization', 'none');
      if (cursor !== '') parameters.set('cursor', cursor);
      const page = (await this.#get(
        `/api/v1/dead-letters?${parameters.toString()}`,
        key,
      )) as LetterPage | null;
      if (page === null) return null;
      found.push(...page.deadLetters);
      ({ cursor } = page);
    }
    return found;
  }

  async #ofOrganization<T>(organization: number, path: string, body?: unknown): Promise<T | null> {
    const key = this.#on.system.keys[organization] ?? '';
    return (await this.#get(path, key, body === undefined ? undefined : JSON.stringify(body))) as T | null;
  }

  async #get(path: string, key: string, body?: string): Promise<unknown> {
    const { system, findings, nowMs } = this.#on;
    const startedAtMs = nowMs();
    try {
      const url = `${system.gatewayUrl}${path}`;
      const timeoutMs = ANSWER_TIMEOUT_MS;
      const answer = await exchange({ url, key, ...(body === undefined ? {} : { body }), timeoutMs });
      this.#answers += 1;
      if (answer.status === 200) return answer.body;
      this.#refusals.take(answer, { path, question: body });
      return null;
    } catch (error) {
      this.#connectionsBroken += 1;
      const failedAtMs = nowMs();
      await delay(JUDGE_AFTER_MS);
      findings.checked('I8');
      if (!system.gateway.wasDisturbed(startedAtMs, failedAtMs))
        findings.violated('I8', 'a connection broke although the gateway was up', {
          path,
          error: String(error),
        });
      return null;
    }
  }
}

/** I11: a 200 to `?wait=` says that the events are stored or visible, and that is asked at once, of one of them. */
import type { WaitLevel } from '@tidemark/contracts';
import { isAppError, MINUTE_MS } from '@tidemark/core';
import { REQUESTS_METRIC } from './check-answers.ts';
import type { Findings } from './findings.ts';
import type { HttpAnswer } from './http.ts';
import { sessionOf } from './planned-event.ts';
import type { Questions } from './questions.ts';
import type { Random } from './random.ts';
import type { PlannedEvent, PlannedRequest } from './requests.ts';
import { describeSlot, isHttpSlot } from './slots.ts';
import type { System } from './system.ts';

export const WAIT_SECONDS = 5;

export interface WaitCheckOptions {
  readonly system: Pick<System, 'countRows'>;
  readonly questions: Pick<Questions, 'ask'>;
  readonly findings: Findings;
  readonly random: Random;
}

export interface WaitFigures {
  readonly reached: number;
  readonly notInTime: number;
  /** Of the reached ones: whose event was found at once. */
  readonly confirmed: number;
}

export class WaitCheck {
  readonly #on: WaitCheckOptions;
  #reached = 0;
  #notInTime = 0;
  #confirmed = 0;

  constructor(options: WaitCheckOptions) {
    this.#on = options;
  }

  figures(): WaitFigures {
    return { reached: this.#reached, notInTime: this.#notInTime, confirmed: this.#confirmed };
  }

  /** At once after an answer 200 or 202. @param asked null: nothing was waited for */
  async take(
    { status, body }: HttpAnswer,
    asked: WaitLevel | null,
    { kind, organization, events }: Pick<PlannedRequest, 'kind' | 'organization' | 'events'>,
  ): Promise<void> {
    const { findings, random } = this.#on;
    const wait = body['wait'] as { level?: string; reached?: boolean; dead?: { id: string }[] } | undefined;
    const expected = asked === null ? undefined : { level: asked, reached: status === 200 };
    if (wait?.level !== expected?.level || wait?.reached !== expected?.reached)
      findings.violated('I11', 'an answer does not say how far the events are', { status, asked, wait });
    if (asked === null) return;
    if (status !== 200) {
      this.#notInTime += 1;
      return;
    }
    this.#reached += 1;
    const dead = new Set((wait?.dead ?? []).map(({ id }) => id));
    // What is stored of the others has another time, or is counted by another metric.
    const countable = events.filter(
      ({ slot }) => kind !== 'other-payload' && !isHttpSlot(slot) && !dead.has(describeSlot(slot).id),
    );
    if (countable.length > 0) await this.#confirm(asked, organization, random.pick(countable));
  }

  async #confirm(level: WaitLevel, organization: number, event: PlannedEvent): Promise<void> {
    const found =
      level === 'visible' ? await this.#countVisible(organization, event) : await this.#countRows(event);
    // Nobody could say: that is no answer to be judged.
    if (found === null) return;
    this.#on.findings.checked('I11');
    if (found === 1) this.#confirmed += 1;
    else
      this.#on.findings.violated('I11', `an event is not ${level} although the wait for that was answered`, {
        ...describeSlot(event.slot),
        found,
      });
  }

  async #countVisible(organization: number, { slot, timeMs }: PlannedEvent): Promise<number | null> {
    const startMs = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
    const answer = await this.#on.questions.ask(organization, {
      metrics: [REQUESTS_METRIC],
      from: new Date(startMs).toISOString(),
      to: new Date(startMs + MINUTE_MS).toISOString(),
      filters: [{ dimension: 'session', op: 'eq', value: sessionOf(slot) }],
    });
    return answer === null ? null : Number(answer.series[0]?.points[0]?.value ?? 0);
  }

  async #countRows({ slot }: PlannedEvent): Promise<number | null> {
    const { countRows } = this.#on.system;
    if (countRows === null) return null;
    try {
      return await countRows(describeSlot(slot));
    } catch (error) {
      // The warehouse has been taken away meanwhile.
      if (isAppError(error)) return null;
      throw error;
    }
  }
}

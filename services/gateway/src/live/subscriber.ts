import { errorMessage, type LiveMessage } from './message.ts';
import type { Follower, LiveQuestion } from './question.ts';

export interface SubscriberOptions {
  readonly question: LiveQuestion;
  /** Of periodic updates; null: none. */
  readonly intervalMs: number | null;
  /** What the client holds already, if the question can still go on from it. */
  readonly heldSequence: number | null;
  readonly nowMs: number;
  /** Called when there may be something to take; must not throw or block. */
  readonly wake: () => void;
}

/**
 * One who follows a question. Nothing is queued for them: they hold the sequence they have been sent, and take what comes next when
 * they can. Who is slow so falls behind at no cost, and takes the newest answer in one step.
 */
export class Subscriber implements Follower {
  readonly question: LiveQuestion;
  readonly intervalMs: number | null;
  readonly wake: () => void;
  /** Null: nothing was sent yet. */
  #sequence: number | null;
  #isResumeDue: boolean;
  #isFullDue = false;
  #period: number;
  #failure: unknown = null;
  /** True: what is taken next is the last. */
  isOver = false;

  constructor({ question, intervalMs, heldSequence, nowMs, wake }: SubscriberOptions) {
    this.question = question;
    this.intervalMs = intervalMs;
    this.wake = wake;
    this.#sequence = heldSequence;
    this.#isResumeDue = heldSequence !== null;
    this.#period = this.#periodAt(nowMs);
  }

  noteAnswered(askedAtMs: number): void {
    const period = this.#periodAt(askedAtMs);
    this.#isFullDue ||= period > this.#period;
    this.#period = Math.max(period, this.#period);
  }

  noteFailure(error: unknown, isOver: boolean): void {
    this.#failure = error;
    this.isOver = isOver;
  }

  /** What is to be sent next, and how many updates it stands for beyond itself; null: nothing for now. */
  take(): { readonly message: LiveMessage; readonly skipped: number } | null {
    if (this.#failure !== null) {
      const message = errorMessage(this.#failure);
      this.#failure = null;
      return { message, skipped: 0 };
    }
    const { question } = this;
    if (question.sequence === 0) return null;
    if (this.#isResumeDue) return this.#resume();
    const held = this.#sequence;
    if (held === null && question.isStale) return null;
    if (held === null) return this.#takeWhole('subscription_data', question.sequence - 1);
    if (this.#isFullDue) return this.#takeWhole('periodic_update', Math.max(held, question.sequence - 1));
    if (held === question.sequence) return null;
    const update = question.updateAfter(held);
    if (update === null) return this.#takeWhole('metric_update', held);
    this.#sequence = held + 1;
    return { message: update, skipped: 0 };
  }

  /** Confirms that the client goes on from what it holds, if it still can. */
  #resume(): ReturnType<Subscriber['take']> {
    this.#isResumeDue = false;
    const held = this.#sequence ?? 0;
    if (held < this.question.sequence && this.question.updateAfter(held) === null) {
      return this.#takeWhole('subscription_data', this.question.sequence - 1);
    }
    return { message: this.question.resumedAt(held), skipped: 0 };
  }

  #takeWhole(
    type: 'subscription_data' | 'periodic_update' | 'metric_update',
    held: number,
  ): NonNullable<ReturnType<Subscriber['take']>> {
    const { question } = this;
    this.#sequence = question.sequence;
    this.#isFullDue = false;
    return { message: question.whole(type), skipped: Math.max(0, question.sequence - held - 1) };
  }

  #periodAt(ms: number): number {
    return this.intervalMs === null ? 0 : Math.floor(ms / this.intervalMs);
  }
}

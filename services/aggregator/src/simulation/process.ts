/**
 * A process of the aggregator as the machine runs it: it makes calls over a network, and can be stopped for a while (what it waits
 * for then waits for it) or for ever (its promises are never settled). What it has sent goes on without it.
 */
import { AppError } from '@tidemark/core';
import type { Clock, ErrorCode } from '@tidemark/core';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface Machine {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
}

/** The server's answer: called at most once, at any time after the request. */
export type Reply<T> = (answer: T | AppError) => void;

export interface RequestOptions {
  /** What the caller is told when the answer does not come. */
  readonly lost: ErrorCode;
  /** What the caller is told when the request had no effect. */
  readonly refused: ErrorCode;
  readonly arrivalMs?: number;
  /** After which the caller gives up; the request goes on. */
  readonly patienceMs?: number;
}

/** Over how long what has waited for a stopped process reaches it when it goes on. */
const BACKLOG_MS = 400;

export class SimulatedProcess {
  readonly number: number;
  readonly clock: Clock;
  private readonly machine: Machine;
  private readonly onKilled: (process: SimulatedProcess) => void;
  private isDead = false;
  private isStopped = false;
  private waiting: (() => void)[] = [];

  constructor(number: number, machine: Machine, onKilled: (process: SimulatedProcess) => void) {
    this.number = number;
    this.machine = machine;
    this.onKilled = onKilled;
    this.clock = {
      nowMs: () => machine.scheduler.nowMs,
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return !this.isDead;
  }

  get isRunning(): boolean {
    return !this.isDead && !this.isStopped;
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.waiting = [];
    this.machine.scheduler.note(this.number, 'dies');
    this.onKilled(this);
  }

  stop(): void {
    this.isStopped = true;
    this.machine.scheduler.note(this.number, 'stands still');
  }

  /** It goes on as if no time had passed: what it waited for arrives bit by bit. */
  resume(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.machine.scheduler.note(this.number, 'goes on');
    const { waiting } = this;
    this.waiting = [];
    for (const action of waiting) this.after(this.machine.random.between(0, BACKLOG_MS), 'backlog', action);
  }

  /** Runs in this process, when it runs again; never once it is dead. */
  deliver(action: () => void): void {
    if (this.isDead) return;
    if (this.isStopped) {
      this.waiting.push(action);
      return;
    }
    action();
    this.machine.scheduler.settled();
  }

  after(delayMs: number, label: string, action: () => void): void {
    this.machine.scheduler.in(delayMs, this.number, label, () => this.deliver(action));
  }

  /** Work of its own, in which it can be stopped. */
  busy(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, 'busy', resolve));
  }

  /** A call to a server. `serve` runs when the request arrives, whatever has become of this process. */
  request<T>(label: string, options: RequestOptions, serve: (reply: Reply<T>) => void): Promise<T> {
    const { scheduler, faults } = this.machine;
    return new Promise((resolve, reject) => {
      if (this.isDead) return;
      const crash = faults.crashPoint();
      if (crash === 'before') {
        this.kill();
        return;
      }
      const settle: Reply<T> = (answer) => {
        if (answer instanceof AppError) reject(answer);
        else resolve(answer);
      };
      const arrivalMs = options.arrivalMs ?? faults.messageMs();
      if (faults.isRefused()) {
        this.after(arrivalMs, `${label} refused`, () => settle(toError(options.refused, label)));
        return;
      }
      const isReplyLost = faults.isReplyLost();
      scheduler.in(arrivalMs, this.number, label, () => {
        serve((answer) => {
          if (crash === 'at-reply') {
            this.kill();
            return;
          }
          const received = isReplyLost ? toError(options.lost, label) : answer;
          this.after(faults.messageMs(), isReplyLost ? `${label} lost` : `${label} answered`, () =>
            settle(received),
          );
        });
      });
      if (options.patienceMs !== undefined) {
        this.after(options.patienceMs, `${label} given up`, () => settle(toError(options.lost, label)));
      }
      if (crash === 'underway') this.kill();
    });
  }

  private sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      this.after(ms, 'wakes', wake);
    });
  }
}

function toError(code: ErrorCode, label: string): AppError {
  return new AppError(code, `${label} failed, as simulated`);
}

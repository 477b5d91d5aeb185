/** A process as its supervisor sees it: what is wanted up is started again whenever and for whatever reason it ended. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Server } from '@tidemark/testkit/cluster';
import { type Disturbable, Disturbances } from './disturbances.ts';
import { freezeTree } from './process-tree.ts';

const WATCH_INTERVAL_MS = 100;
const RESTART_PAUSE_MS = 250;
/** A backend that was away so long before may be why a process ended by itself. */
const EXCUSED_MS = 30_000;

export interface SupervisedOptions {
  readonly isWanted: boolean;
  readonly nowMs: () => number;
  /** What it cannot do without: while one of these is away it may end by itself. */
  readonly needs?: readonly Disturbable[];
}

/** It ended, or did not start, and nothing had been done to it or to what it needs. */
export interface UnexcusedEnd {
  readonly what: 'ended by itself' | 'did not start';
  readonly atMs: number;
  readonly detail: string;
}

export interface ProcessFigures {
  readonly name: string;
  readonly killed: number;
  readonly stopped: number;
  readonly frozen: number;
  /** Ended without being told to. */
  readonly endedByItself: number;
  /** Starts that ended before the process was ready; tried again. */
  readonly startsFailed: number;
  readonly residentMibMax: number;
}

export class Supervised implements Disturbable {
  readonly server: Server;
  readonly #nowMs: () => number;
  readonly #needs: readonly Disturbable[];
  readonly #disturbances: Disturbances;
  readonly #killedAtMs: number[] = [];
  readonly #unexcused: UnexcusedEnd[] = [];
  #isWanted: boolean;
  #isReady = false;
  #isHeld = false;
  #isClosing = false;
  #starting: Promise<void> | null = null;
  #watching: Promise<void> | null = null;
  #stopped = 0;
  #frozen = 0;
  #endedByItself = 0;
  #startsFailed = 0;
  #residentMibMax = 0;

  /** @param server running already when it is wanted */
  constructor(server: Server, { isWanted, nowMs, needs = [] }: SupervisedOptions) {
    this.server = server;
    this.#isWanted = isWanted;
    this.#isReady = isWanted;
    this.#nowMs = nowMs;
    this.#needs = needs;
    this.#disturbances = new Disturbances(nowMs);
  }

  watch(): void {
    this.#watching ??= this.#watch();
  }

  get name(): string {
    return this.server.name;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Wanted, started, ready, and not gone since. */
  get isUp(): boolean {
    return this.#isReady && this.server.pid() !== undefined;
  }

  /** True when it is as it should be. */
  get isSettled(): boolean {
    return this.#isWanted ? this.isUp : this.server.pid() === undefined;
  }

  /** SIGKILL at once; started again after the pause. False when there was nothing to kill. */
  async kill(pauseMs: number): Promise<boolean> {
    if (this.server.pid() === undefined) return false;
    this.#killedAtMs.push(this.#nowMs());
    await this.#takeDown(() => this.server.kill(), pauseMs);
    return true;
  }

  /** Asks it to end; started again after the pause. False when there was nothing to stop. */
  async restart(pauseMs: number): Promise<boolean> {
    if (this.server.pid() === undefined) return false;
    this.#stopped += 1;
    await this.#takeDown(() => this.server.stop(), pauseMs);
    return true;
  }

  /** SIGSTOP, then SIGCONT, for it and what it has started. False when it does not run. */
  async freeze(durationMs: number): Promise<boolean> {
    const pid = this.server.pid();
    if (!this.isUp || pid === undefined) return false;
    const endDisturbance = this.#disturbances.begin();
    this.#frozen += 1;
    const thaw = freezeTree(pid);
    try {
      await delay(durationMs);
    } finally {
      thaw();
      endDisturbance();
    }
    return true;
  }

  /** Starts it in the background; the supervisor keeps it up from now on. */
  want(): void {
    this.#isWanted = true;
  }

  /** Ends it by SIGTERM (or SIGKILL) and leaves it down. */
  async unwant(how: 'stop' | 'kill'): Promise<void> {
    this.#isWanted = false;
    if (this.server.pid() === undefined) return;
    if (how === 'kill') this.#killedAtMs.push(this.#nowMs());
    else this.#stopped += 1;
    await this.#takeDown(() => this.server[how](), 0);
  }

  /** Down for as long as the body runs, whatever is wanted: its data are read meanwhile. */
  async whileDown<T>(body: () => Promise<T>): Promise<T> {
    const endDisturbance = this.#disturbances.begin();
    this.#isHeld = true;
    try {
      await this.#end(() => this.server.stop());
      this.#stopped += 1;
      return await body();
    } finally {
      this.#isHeld = false;
      endDisturbance();
    }
  }

  /** Whether it was down, frozen or starting at any time within [fromMs, toMs]. */
  wasDisturbed(fromMs: number, toMs: number): boolean {
    return !this.isUp || this.#disturbances.wasDisturbed(fromMs, toMs);
  }

  /** When it was killed (SIGKILL), epoch ms, ascending. */
  get killedAtMs(): readonly number[] {
    return this.#killedAtMs;
  }

  get unexcusedEnds(): readonly UnexcusedEnd[] {
    return this.#unexcused;
  }

  noteResidentMib(mib: number): void {
    this.#residentMibMax = Math.max(this.#residentMibMax, mib);
  }

  figures(): ProcessFigures {
    return {
      name: this.name,
      killed: this.#killedAtMs.length,
      stopped: this.#stopped,
      frozen: this.#frozen,
      endedByItself: this.#endedByItself,
      startsFailed: this.#startsFailed,
      residentMibMax: this.#residentMibMax,
    };
  }

  /** Starts nothing any more. The process itself is ended by whoever made it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    // A start that waits for what is down would take its whole deadline.
    if (this.#starting !== null) await this.server.kill();
    await this.#watching;
  }

  async #takeDown(end: () => Promise<void>, pauseMs: number): Promise<void> {
    const endDisturbance = this.#disturbances.begin();
    this.#isHeld = true;
    try {
      await this.#end(end);
      await delay(pauseMs);
    } finally {
      this.#isHeld = false;
      // Until it is ready again `isUp` is false.
      endDisturbance();
    }
  }

  /** Also when it is just being started: that start fails then, which is what was wanted. */
  async #end(end: () => Promise<void>): Promise<void> {
    this.#isReady = false;
    await end();
    if (this.#starting !== null) await this.#starting;
    // What a start under way launched meanwhile.
    await end();
    this.#isReady = false;
  }

  async #watch(): Promise<void> {
    while (!this.#isClosing) {
      if (this.#isReady && !this.#isHeld && this.server.pid() === undefined) {
        this.#isReady = false;
        this.#endedByItself += 1;
        this.#judge('ended by itself', this.#nowMs() - EXCUSED_MS, this.server.logFile);
      }
      if (this.#isWanted && !this.#isHeld && this.server.pid() === undefined && this.#starting === null) {
        this.#starting = this.#start();
      }
      await delay(WATCH_INTERVAL_MS);
    }
    if (this.#starting !== null) await this.#starting;
  }

  async #start(): Promise<void> {
    const startedAtMs = this.#nowMs();
    const endDisturbance = this.#disturbances.begin();
    try {
      await this.server.start();
      this.#isReady = !this.#isHeld;
    } catch (error) {
      // Killed while it started, or what it needs is down: counted, and tried again as long as it is wanted.
      this.#startsFailed += 1;
      if (!this.#isHeld && !this.#isClosing) this.#judge('did not start', startedAtMs, String(error));
      await delay(RESTART_PAUSE_MS);
    } finally {
      endDisturbance();
      this.#starting = null;
    }
  }

  #judge(what: UnexcusedEnd['what'], sinceMs: number, detail: string): void {
    const atMs = this.#nowMs();
    if (this.#needs.some((need) => need.wasDisturbed(sinceMs, atMs))) return;
    this.#unexcused.push({ what, atMs, detail });
  }
}

/** Virtual time: what is to happen, in the order of its instant, and among equals in an order drawn from the seed. */
import type { Random } from './random.ts';

interface Happening {
  readonly dueMs: number;
  readonly priority: number;
  readonly actor: number;
  readonly label: string;
  readonly action: () => void;
}

export type Trace = (line: string) => void;

const FNV_PRIME = 0x01000193;

export class Scheduler {
  nowMs: number;
  steps = 0;
  private readonly random: Random;
  private readonly trace: Trace | null;
  private readonly startMs: number;
  /** A binary heap: no happening is due before its parent. */
  private readonly heap: Happening[] = [];
  private hash = 0x811c9dc5;
  private isSettled = true;

  constructor(random: Random, startMs: number, trace: Trace | null) {
    this.random = random;
    this.nowMs = startMs;
    this.startMs = startMs;
    this.trace = trace;
  }

  /** @param actor whose doing it is, for the trace: the number of a process, 0 for the world */
  in(delayMs: number, actor: number, label: string, action: () => void): void {
    const happening = {
      dueMs: this.nowMs + Math.ceil(delayMs),
      priority: this.random.next(),
      actor,
      label,
      action,
    };
    let index = this.heap.length;
    this.heap.push(happening);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.heap[parent] as Happening;
      if (!isBefore(happening, above)) break;
      this.heap[index] = above;
      index = parent;
    }
    this.heap[index] = happening;
  }

  /** Call when a promise that simulated code waits for has been settled: the code then runs as far as it gets before the next step. */
  settled(): void {
    this.isSettled = false;
  }

  note(actor: number, what: string): void {
    this.mix(what);
    this.trace?.(
      `${String(this.nowMs - this.startMs).padStart(8)} ${actor === 0 ? '  ' : `p${actor}`} ${what}`,
    );
  }

  /** For people who read the trace. */
  explain(what: () => string): void {
    this.trace?.(`            ${what()}`);
  }

  /** Everything that has happened, in order, as one number: equal for equal runs. */
  traceHash(): number {
    return this.hash >>> 0;
  }

  /** Lets things happen until `isDone` or a limit. Returns whether it was done. */
  async run(
    isDone: () => boolean,
    limits: { readonly untilMs: number; readonly stepsMax: number },
  ): Promise<boolean> {
    const lastStep = this.steps + limits.stepsMax;
    while (!isDone()) {
      const next = this.heap[0];
      if (next === undefined || next.dueMs > limits.untilMs || this.steps >= lastStep) return false;
      this.takeFirst();
      this.nowMs = next.dueMs;
      this.steps += 1;
      this.mix(next.label);
      this.hash = Math.imul(this.hash ^ next.dueMs ^ (next.actor << 20), FNV_PRIME);
      if (this.trace !== null) this.note(next.actor, next.label);
      next.action();
      if (this.isSettled) continue;
      this.isSettled = true;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    return true;
  }

  private mix(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.hash = Math.imul(this.hash ^ text.charCodeAt(index), FNV_PRIME);
    }
  }

  private takeFirst(): void {
    const moved = this.heap.pop();
    const { length } = this.heap;
    if (moved === undefined || length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      const right = this.heap[child + 1];
      if (right !== undefined && isBefore(right, this.heap[child] as Happening)) child += 1;
      const smaller = this.heap[child] as Happening;
      if (!isBefore(smaller, moved)) break;
      this.heap[index] = smaller;
      index = child;
    }
    this.heap[index] = moved;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.priority < b.priority);
}

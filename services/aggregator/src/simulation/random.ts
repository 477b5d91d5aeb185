/** A seeded source of randomness (mulberry32): the same seed gives the same simulation. */
export class Random {
  private state: number;

  /** @param stream keeps what is drawn for one purpose independent of what is drawn for another */
  constructor(seed: number, stream: number) {
    this.state = Math.imul(seed ^ Math.imul(stream, 0x9e3779b1), 0x85ebca6b) | 0;
    this.next();
  }

  /** [0, 1) */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** A whole number within [from, to], both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new Error('Assertion failed: nothing to pick from');
    return item;
  }
}

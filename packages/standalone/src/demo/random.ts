/** A stream of numbers in [0, 1) that depends on its seed alone. */
export type Random = () => number;

/**
 * Mulberry32 over a hash of the parts: the same parts always give the same stream, and streams of different parts have
 * nothing to do with each other. For demonstrations; not for secrets.
 */
export function createRandom(...parts: readonly (string | number)[]): Random {
  let state = hash32(JSON.stringify(parts));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a, 32 bits, over UTF-16 units. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** How many events of a given mean happen (Knuth); for means up to some hundred. */
export function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count += 1;
  return count;
}

/** A positive quantity with a long tail: half of the draws lie below `median`; `spread` is the deviation of its logarithm. */
export function logNormal(random: Random, median: number, spread: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return median * Math.exp(spread * radius * Math.cos(2 * Math.PI * random()));
}

/** @param weighted not empty; `weight` above 0 */
export function pick<T extends { readonly weight: number }>(random: Random, weighted: readonly T[]): T {
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  let left = random() * total;
  for (const choice of weighted) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  const last = weighted.at(-1);
  if (last === undefined) throw new Error('Assertion failed: nothing to pick from');
  return last;
}

/** An index below `count`; low ones come often, high ones seldom, as with real users. */
export function skewedIndex(random: Random, count: number): number {
  return Math.floor(count * random() ** 2.5);
}

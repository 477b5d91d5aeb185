/** I8: what no process may do, whatever is done to the others: grow without bound, or end by itself. */
import type { Findings } from './findings.ts';
import type { Supervised } from './supervised.ts';

/** Resident memory, generously: what a leak passes in an hour and load does not. */
const STANDALONE_MIB_MAX = 2_500;
const AGGREGATOR_MIB_MAX = 1_500;
const WAREHOUSE_MIB_MAX = 6_000;
const OTHERS_MIB_MAX = 800;

export function mibMaxOf(processName: string): number {
  switch (processName) {
    case 'standalone':
      return STANDALONE_MIB_MAX;
    case 'aggregator':
    case 'aggregator-2':
      return AGGREGATOR_MIB_MAX;
    case 'clickhouse':
      return WAREHOUSE_MIB_MAX;
    default:
      return OTHERS_MIB_MAX;
  }
}

export class ProcessCheck {
  readonly #findings: Findings;
  readonly #grown = new Set<string>();
  readonly #told = new Map<string, number>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Again and again. Each process is told of once for its memory, and for each end. @param mib null when it does not run */
  take({ name, unexcusedEnds }: Pick<Supervised, 'name' | 'unexcusedEnds'>, mib: number | null): void {
    this.#findings.checked('I8');
    const mibMax = mibMaxOf(name);
    if (mib !== null && mib > mibMax && !this.#grown.has(name)) {
      this.#grown.add(name);
      this.#findings.violated('I8', 'a process holds more memory than its bound', { name, mib, mibMax });
    }
    for (const end of unexcusedEnds.slice(this.#told.get(name) ?? 0))
      this.#findings.violated('I8', `a process ${end.what} although nothing was done to it`, {
        name,
        ...end,
      });
    this.#told.set(name, unexcusedEnds.length);
  }
}

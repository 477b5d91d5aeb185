/** Signals for a process and all it has started: Postgres is a process of its own for each connection. */
import { readdirSync, readFileSync } from 'node:fs';

/** Stops them, parents first: who is stopped starts nothing. @returns lets them go on, children first; idempotent */
export function freezeTree(pid: number): () => void {
  const stopped = new Set<number>();
  // What a parent started before it stopped shows at the next look.
  for (let found = listTree(pid); found.some((one) => !stopped.has(one)); found = listTree(pid)) {
    for (const one of found) {
      trySignal(one, 'SIGSTOP');
      stopped.add(one);
    }
  }
  return () => {
    for (const one of [...stopped].toReversed()) trySignal(one, 'SIGCONT');
    stopped.clear();
  };
}

/** The process, its children, theirs…; the process alone where the system has no /proc. */
export function listTree(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of listParents()) children.set(parent, [...(children.get(parent) ?? []), child]);
  const tree = [pid];
  for (const one of tree) tree.push(...(children.get(one) ?? []));
  return tree;
}

function listParents(): readonly (readonly [number, number])[] {
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    // A system without /proc.
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => parentOf(Number(name)));
}

function parentOf(pid: number): readonly (readonly [number, number])[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: the state, then the parent.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return [[pid, parent]];
  } catch {
    // Gone meanwhile.
    return [];
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone meanwhile, which is nobody's fault.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

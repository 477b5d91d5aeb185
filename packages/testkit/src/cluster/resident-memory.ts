import { readFile } from 'node:fs/promises';

const KIB_PER_MIB = 1_024;

/** What a process holds in memory, MiB; null when it is gone, or the system has no /proc. */
export async function residentMib(pid: number | undefined): Promise<number | null> {
  if (pid === undefined) return null;
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : Math.round(Number(kib) / KIB_PER_MIB);
  } catch {
    // Gone meanwhile, or a system that has no /proc.
    return null;
  }
}

import { residentMib, type Server } from '@tidemark/testkit/cluster';

const SAMPLE_INTERVAL_MS = 250;

/** Resident memory of the product's processes, MiB. */
export interface MemoryUse {
  readonly process: string;
  readonly startMib: number;
  readonly peakMib: number;
  readonly endMib: number;
}

export interface MemoryWatch {
  stop(): Promise<readonly MemoryUse[]>;
}

/** Looks every 250 ms. Null figures of a system without /proc are left out. */
export function watchMemory(servers: Readonly<Record<string, Server>>): MemoryWatch {
  const samples = new Map<string, number[]>();
  async function sample(): Promise<void> {
    for (const [name, server] of Object.entries(servers)) {
      const mib = await residentMib(server.pid());
      if (mib !== null) samples.set(name, [...(samples.get(name) ?? []), mib]);
    }
  }
  let sampling = sample();
  const timer = setInterval(() => {
    sampling = sampling.then(sample);
  }, SAMPLE_INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await sampling;
      return [...samples].map(([name, mib]) => ({
        process: name,
        startMib: mib[0] ?? 0,
        peakMib: Math.max(...mib),
        endMib: mib.at(-1) ?? 0,
      }));
    },
  };
}

import os from 'node:os';

const GIB = 1024 ** 3;

/** What figures depend on, in one line. */
export function describeMachine(): string {
  const [cpu] = os.cpus();
  const memoryGib = Math.round(os.totalmem() / GIB);
  return `${os.availableParallelism()} cores (${cpu?.model.trim() ?? 'unknown'}), ${memoryGib} GiB, ${os.type()} ${os.release()}, Node ${process.version}`;
}

/** What ran beside the measurement lowers every figure: the load average of the last minute at the start tells. */
export function loadAverage(): number {
  return os.loadavg()[0] ?? 0;
}

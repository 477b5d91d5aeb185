/** What happens between the services and the warehouse, inside the warehouse, and on the log. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@tidemark/bus';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { isAppError } from '@tidemark/core';
import type { ProxyMode, TcpProxy } from '@tidemark/testkit/cluster';
import { EVENTS_TABLE, type WarehouseExecutor } from '@tidemark/warehouse';
import type { Disturbances } from './disturbances.ts';
import type { Random } from './random.ts';
import type { Fault, FaultContext } from './system.ts';

const PROXY_MS_MIN = 500;
const PROXY_MS_MAX = 6_000;
const REFUSAL_MS_MIN = 1_000;
const REFUSAL_MS_MAX = 8_000;
const SETTING_DEADLINE_MS = 60_000;
const SETTING_RETRY_MS = 250;
const COUNT_TIMEOUT_MS = 5_000;
/** More than any disk has free. */
const BYTES_BEYOND_ANY_DISK = '9000000000000000000';

/** What a mode is called, and what it is this time. */
const PROXY_MODES = {
  delay: (random) => ({ kind: 'delay', delayMs: random.integer(50, 1_500) }),
  cut: () => ({ kind: 'refuse' }),
  'cut in a request': (random) => ({ kind: 'cut-after', bytes: random.integer(0, 12_000) }),
  'cut before the reply': () => ({ kind: 'cut-before-reply' }),
  'half-open': () => ({ kind: 'swallow' }),
} as const satisfies Readonly<Record<string, (random: Random) => ProxyMode>>;
export type ProxyModeName = keyof typeof PROXY_MODES;
export const PROXY_MODE_NAMES = Object.keys(PROXY_MODES) as readonly ProxyModeName[];

/** The way to a backend. */
export interface Link {
  /** Of the backend. */
  readonly name: string;
  readonly proxy: Pick<TcpProxy, 'setMode' | 'disturbed'>;
  /** Gets to know when the way is not as it should be. */
  readonly disturbances: Disturbances;
}

/** @param weight of each mode */
export function proxyFaults(
  { name, proxy, disturbances }: Link,
  weight: number,
  modeNames: readonly ProxyModeName[] = PROXY_MODE_NAMES,
): readonly Fault[] {
  return modeNames.map((modeName) => ({
    name: `${name} ${modeName}`,
    weight,
    async inject({ random, signal }: FaultContext) {
      const mode = PROXY_MODES[modeName](random);
      const durationMs = random.integer(PROXY_MS_MIN, PROXY_MS_MAX);
      const before = proxy.disturbed();
      const endDisturbance = disturbances.begin();
      proxy.setMode(mode);
      try {
        await delay(durationMs, undefined, { signal });
      } finally {
        proxy.setMode({ kind: 'pass' });
        endDisturbance();
      }
      const met = proxy.disturbed() - before;
      return {
        detail: `${JSON.stringify(mode)} for ${durationMs} ms, ${met} connections`,
        hadEffect: met > 0,
      };
    },
  }));
}

/** The engine's own refusals, by settings of the table: it has too many parts, or its disk is full. */
export function refusalFaults(weight: number, warehouse: WarehouseExecutor): readonly Fault[] {
  const refusals = [
    { name: 'too many parts', error: 'TOO_MANY_PARTS', setting: 'parts_to_throw_insert = 1' },
    {
      name: 'no space',
      error: 'NOT_ENOUGH_SPACE',
      setting: `min_free_disk_bytes_to_perform_insert = ${BYTES_BEYOND_ANY_DISK}`,
    },
  ];
  return refusals.map(({ name, error, setting }) => ({
    name: `warehouse ${name}`,
    weight,
    async inject({ random, signal }: FaultContext) {
      const durationMs = random.integer(REFUSAL_MS_MIN, REFUSAL_MS_MAX);
      const before = await patiently(() => countErrors(warehouse, error));
      await alter(warehouse, `MODIFY SETTING ${setting}`);
      try {
        await delay(durationMs, undefined, { signal });
      } finally {
        await alter(warehouse, `RESET SETTING ${setting.split(' ')[0]}`);
      }
      const after = await patiently(() => countErrors(warehouse, error));
      // It counts from its own start.
      const refused = after >= before ? after - before : after;
      return { detail: `${setting} for ${durationMs} ms, refused ${refused}`, hadEffect: refused > 0 };
    },
  }));
}

function alter(warehouse: WarehouseExecutor, change: string): Promise<void> {
  return patiently(() => warehouse.command({ sql: `ALTER TABLE ${EVENTS_TABLE} ${change}` }));
}

/** How often the engine has refused something so, since its start. */
async function countErrors(warehouse: WarehouseExecutor, name: string): Promise<number> {
  const [row] = await warehouse.query<{ times: string }>({
    sql: 'SELECT sum(value) AS times FROM system.errors WHERE name = {name:String}',
    parameters: { name },
    timeoutMs: COUNT_TIMEOUT_MS,
  });
  return Number(row?.times ?? 0);
}

/** The engine may just be on its way up. @throws Error when it does not come */
async function patiently<T>(step: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + SETTING_DEADLINE_MS;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isAppError(error) || !error.retryable || performance.now() > deadlineMs) throw error;
      await delay(SETTING_RETRY_MS);
    }
  }
}

/** Records that are no events, among the events. @param onPoisoned told where they are */
export function poisonFault(
  weight: number,
  bus: Pick<Bus, 'publish'>,
  onPoisoned: (place: { readonly partition: number; readonly offset: number }) => void,
): Fault {
  return {
    name: 'poison the log',
    weight,
    async inject({ random }) {
      const count = random.integer(1, 5);
      const records = Array.from({ length: count }, () => ({
        key: `poison-${random.integer(0, 1_000_000)}`,
        value: Buffer.from(random.chance(0.5) ? '' : '{"not":"an event"'),
        headers: random.chance(0.5) ? {} : { ce_id: 'poison', ce_time: 'never' },
        timestampMs: Date.now(),
      }));
      try {
        const coordinates = await bus.publish(EVENTS_TOPIC, records);
        for (const { partition, offset } of coordinates) onPoisoned({ partition, offset });
        return { detail: `${count} records`, hadEffect: true };
      } catch (error) {
        if (isAppError(error, 'bus-unavailable')) return null;
        throw error;
      }
    },
  };
}

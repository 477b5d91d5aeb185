import { expect, it } from '@jest/globals';
import { waitUntil } from '@tidemark/testkit/cluster';
import { call, send, untilStored } from './client.ts';
import type { System } from './system.ts';

/** Long before everything else that the suite sends. */
const DAYS = ['2025-03-10', '2025-03-11'] as const;

export function describeCachedAnswers(system: () => System): void {
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    call(`${system().gatewayUrl}${path}`, { key: system().adminKey, headers });

  /** Orders of one day: what it says, and where the answer came from. */
  async function ask(day: string, headers: Readonly<Record<string, string>> = {}) {
    const url = `/api/v1/metrics/http.requests/series?from=${day}&to=${day}T12:00:00Z`;
    const { status, headers: answered, body } = await get(url, headers);
    const series = body['series'] as { points: { value: number }[] }[] | undefined;
    return {
      status,
      source: answered.get('tidemark-cache'),
      etag: answered.get('etag') ?? '',
      value: series?.[0]?.points[0]?.value,
    };
  }

  async function sendEvent(id: string, time: string): Promise<void> {
    const event = { specversion: '1.0', id, source: '/e2e/cache', type: 'http.request', time };
    const body = JSON.stringify({ ...event, data: { path: '/cached', status: 200 } });
    expect((await send(system(), body)).status).toBe(202);
    await untilStored(system());
  }

  /** Until it is kept, and what it says then. */
  async function warm(day: string, value: number) {
    let found = await ask(day);
    await waitUntil(
      async () => {
        found = await ask(day);
        if (found.source === 'hit' && found.value === value) return true;
        throw new Error(`so far: ${JSON.stringify(found)}`);
      },
      { what: `an answer of ${value} about ${day} that is kept`, deadlineMs: 30_000 },
    );
    return found;
  }

  it('keeps an answer, and leaves it behind only when a late event touches what it read', async () => {
    for (const day of DAYS) await sendEvent(`first-${day}`, `${day}T08:00:30Z`);
    const [untouched, touched] = [await warm(DAYS[0], 1), await warm(DAYS[1], 1)];

    const held = await ask(DAYS[0], { 'if-none-match': untouched.etag });
    expect(held).toMatchObject({ status: 304, source: 'hit', etag: untouched.etag, value: undefined });

    await sendEvent('late', `${DAYS[1]}T09:15:00Z`);
    const renewed = await warm(DAYS[1], 2);
    expect(renewed.etag).not.toBe(touched.etag);
    expect(await ask(DAYS[1], { 'if-none-match': touched.etag })).toMatchObject({ status: 200, value: 2 });
    // Asked for the first time since the late event: nothing has made it anew.
    expect(await ask(DAYS[0])).toEqual({ ...untouched, source: 'hit' });
  });

  it('forgets answers by their metrics', async () => {
    await warm(DAYS[0], 1);
    const forget = async (pattern: string) => {
      const url = `${system().gatewayUrl}/api/v1/cache?pattern=${pattern}`;
      return (await call(url, { method: 'DELETE', key: system().adminKey })).body['forgotten'];
    };
    expect(await forget('nothing.*')).toBe(0);
    expect(await forget('http.*')).toBeGreaterThan(0);
    expect((await ask(DAYS[0])).source).toBe('miss');
    expect((await ask(DAYS[0])).source).toBe('hit');
  });
}

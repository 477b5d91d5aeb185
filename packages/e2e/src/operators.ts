/** Those who run the product: what was refused is mended and counts, the books balance, rollups are made anew under questions. */
import { expect, it } from '@jest/globals';
import { waitUntil } from '@tidemark/testkit/cluster';
import { ask, askAnew, call, command, send, startCommand, untilStored, valueOf } from './client.ts';
import type { System } from './system.ts';

const LETTERS = '/api/v1/dead-letters';
const LETTER_DEADLINE_MS = 60_000;
/** Of its own: nothing else of the suite happened on it. */
const DAY = { from: '2024-03-05', to: '2024-03-06' };
const DAY_START_MS = Date.UTC(2024, 2, 5);
const REBUILD_TIMEOUT_MS = 180_000;

type Figures = Readonly<
  Record<
    | 'received'
    | 'acknowledged'
    | 'stored'
    | 'duplicate'
    | 'conflict'
    | 'rejected'
    | 'dead'
    | 'inFlight'
    | 'residue',
    number
  >
>;

const event = (id: string, atMs: number) => ({
  specversion: '1.0',
  id,
  source: '/e2e/operators',
  type: 'llm.request',
  time: new Date(atMs).toISOString(),
  data: { service: 'operators', prompt_tokens: 3 },
});

export function describeOperators(system: () => System, stateDir: () => string): void {
  const request = (path: string, body?: object) =>
    call(`${system().gatewayUrl}${path}`, {
      key: system().adminKey,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const ledger = async () => {
    const { body } = await request('/api/v1/ledger');
    return { lag: body['lag'] as number, total: body['total'] as Figures };
  };
  /** Ingest writes down within a second what it has promised. */
  const ledgerWhen = async (isReached: (total: Figures) => boolean): Promise<Figures> => {
    let last = await ledger();
    await waitUntil(
      async () => {
        last = await ledger();
        return last.lag === 0 && isReached(last.total);
      },
      { what: `the books to settle: ${JSON.stringify(last)}`, deadlineMs: LETTER_DEADLINE_MS },
    );
    return last.total;
  };
  const letterOf = async (id: string) => {
    let found: { readonly id: string; readonly state: string }[] = [];
    await waitUntil(
      async () => {
        const { body } = await request(`${LETTERS}?contains=${id}`);
        found = body['deadLetters'] as typeof found;
        return found.length > 0;
      },
      { what: 'the refused event to become a dead letter', deadlineMs: LETTER_DEADLINE_MS },
    );
    expect(found).toHaveLength(1);
    return found[0] ?? { id: '', state: '' };
  };

  it('keeps what it refuses, takes it mended, counts it once, and its books balance', async () => {
    await untilStored(system());
    const before = await ledgerWhen(({ residue, inFlight }) => residue + inFlight === 0);
    const good = event(`mended-${before.received}`, DAY_START_MS + 30_000);
    const bad = { ...good, time: 'yesterday', source: 'not a uri' };
    expect((await send(system(), JSON.stringify(bad))).status).toBe(400);

    const { id } = await letterOf(good.id);
    const path = `${LETTERS}/${encodeURIComponent(id)}`;
    const shown = await request(path);
    expect(shown.body).toMatchObject({ stage: 'ingest', code: 'invalid-event', state: 'open', event: bad });
    expect(await request(`${path}/replay`, {})).toMatchObject({
      status: 400,
      body: { code: 'invalid-event', errors: [{ pointer: '/source' }, { pointer: '/time' }] },
    });

    for (let replays = 1; replays <= 2; replays += 1) {
      expect(await request(`${path}/replay`, { event: good })).toMatchObject({
        status: 202,
        body: { id, attempt: 2, coordinate: { topic: 'tidemark.events' } },
      });
      await untilStored(system());
      const minute = { from: good.time, to: new Date(DAY_START_MS + 60_000).toISOString() };
      expect(valueOf(await ask(system(), { metrics: ['llm.requests'], ...minute }), 'llm.requests')).toBe(1);
    }
    expect((await letterOf(good.id)).state).toBe('replayed');
    const after = await ledgerWhen(({ rejected, residue }) => rejected > before.rejected && residue === 0);
    // Exact, for the log has been read to its end; what ingest has counted before may still have been on its way.
    expect(after).toMatchObject({
      stored: before.stored + 1,
      duplicate: before.duplicate + 1,
      conflict: before.conflict,
      dead: before.dead,
      inFlight: 0,
    });
    expect(after.acknowledged).toBeGreaterThanOrEqual(before.acknowledged + 2);
    const { stored, duplicate, rejected, dead } = after;
    expect(after.received).toBe(stored + duplicate + rejected + dead);
    const printed = await command(system(), ['ledger', '--json'], stateDir());
    expect(JSON.parse(printed.stdout)).toMatchObject({ lag: 0, total: { ...after } });
  });

  it('replays at once all that has become acceptable', async () => {
    await untilStored(system());
    const { stored } = (await ledger()).total;
    // A moment too far ahead: what is refused now is taken soon.
    const aheadMs = Date.now() + 24 * 3_600_000 + 3_000;
    const ids = ['early-1', 'early-2', 'early-3'];
    const sent = await send(system(), JSON.stringify(ids.map((id) => event(id, aheadMs))));
    expect(sent).toMatchObject({ status: 400, body: { code: 'event-time-out-of-range' } });
    for (const id of ids) await letterOf(id);
    const filter = { code: 'event-time-out-of-range', contains: 'early-' };
    let replayed = 0;
    await waitUntil(
      async () => {
        const { status, body } = await request(`${LETTERS}/replay`, filter);
        expect([status, body['cursor']]).toEqual([202, null]);
        replayed += body['replayed'] as number;
        return replayed === ids.length;
      },
      { what: 'the events to be acceptable', deadlineMs: LETTER_DEADLINE_MS },
    );
    await untilStored(system());
    expect((await ledger()).total.stored).toBe(stored + ids.length);
    const summary = await request(`${LETTERS}/summary?contains=early-`);
    expect(summary.body).toMatchObject({ counts: [{ state: 'replayed', letters: ids.length }] });
  });

  it(
    'makes the rollups of a day anew, and answers the same all along',
    async () => {
      const events = Array.from({ length: 96 }, (_, quarter) =>
        event(`rebuilt-${quarter}`, DAY_START_MS + quarter * 900_000 + 120_000),
      );
      await send(system(), JSON.stringify(events));
      await untilStored(system());
      const hours = { metrics: ['llm.requests'], ...DAY, granularity: 'hour' } as const;
      const whole = { metrics: ['llm.requests'], ...DAY } as const;
      const series = async () => [
        (await askAnew(system(), hours)).series,
        (await askAnew(system(), whole)).series,
      ];
      const before = await series();
      expect(before[0]?.[0]?.points).toHaveLength(24);

      const rebuild = ['rebuild', '--from', DAY.from, '--to', DAY.to, '--json'];
      const running = startCommand(system(), rebuild, stateDir());
      const progress = { asked: 0, isOver: false };
      const ended = running.ended.finally(() => {
        progress.isOver = true;
      });
      while (!progress.isOver) {
        expect(await series()).toEqual(before);
        progress.asked += 1;
      }
      const { code, stdout, stderr } = await ended;
      expect([code, stderr]).toEqual([0, '']);
      // Of each tier those with events: minutes and quarters of 96 events and of the mended one, and the day.
      expect(JSON.parse(stdout)).toMatchObject({ buckets: expect.any(Number), remaining: 0 });
      expect((JSON.parse(stdout) as { buckets: number }).buckets).toBeGreaterThanOrEqual(96 + 96 + 1);
      expect(progress.asked).toBeGreaterThan(0);

      expect((await askAnew(system(), whole)).tiersRead).toEqual(['1d']);
      expect(await series()).toEqual(before);
      const verified = await command(
        system(),
        ['verify', '--from', DAY.from, '--to', DAY.to, '--json'],
        stateDir(),
      );
      const verdict = JSON.parse(verified.stdout) as { checkedBuckets: number };
      expect(verdict).toMatchObject({ skippedDirty: 0, differences: [], duplicates: [] });
      expect(verdict.checkedBuckets).toBeGreaterThanOrEqual(96 + 96 + 1);
    },
    REBUILD_TIMEOUT_MS,
  );
}

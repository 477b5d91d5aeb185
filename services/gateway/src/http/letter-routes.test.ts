import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeEventRecord, deadLetterId, encodeEventRecord, EVENTS_TOPIC } from '@tidemark/contracts';
import type { DecodedEvent } from '@tidemark/contracts';
import { AppError, DAY_MS, HOUR_MS, parseOrganizationId } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { StoredLetter } from '@tidemark/warehouse';
import { DEFAULT_ORGANIZATION } from '../app/bootstrap.ts';
import { callAs, pointersOf } from '../test-calls.ts';
import { createTestGateway, NOW_MS } from '../testing.ts';
import type { TestGateway, TestGatewayOptions } from '../testing.ts';

const PATH = '/api/v1/dead-letters';
const OTHER = parseOrganizationId('other') as OrganizationId;
const ARRIVED_MS = NOW_MS - 3 * DAY_MS;
const EVENT = { specversion: '1.0', id: 'e1', source: '/shop', type: 'order.placed', data: { plan: 'gold' } };
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const opened: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.app.close();
});

async function open(
  letters: readonly StoredLetter[],
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const gateway = await createTestGateway(options);
  opened.push(gateway);
  await gateway.letters.add(letters);
  return gateway;
}

function letter(change: Partial<StoredLetter> = {}): StoredLetter {
  return {
    id: 'ingest:00ff',
    organization: DEFAULT_ORGANIZATION,
    stage: 'ingest',
    code: 'invalid-event',
    detail: 'must be text',
    eventType: 'order.placed',
    eventSource: '/shop',
    eventId: 'e1',
    arrivedAtMs: ARRIVED_MS,
    attempt: 1,
    headers: {},
    value: json(EVENT),
    state: 'open',
    replay: null,
    changedAtMs: ARRIVED_MS,
    ...change,
  };
}

const DECODED: DecodedEvent = {
  organization: DEFAULT_ORGANIZATION,
  id: 'e7',
  source: '/shop',
  type: 'order.placed',
  subject: 'user-1',
  timeMs: ARRIVED_MS,
  timeText: new Date(ARRIVED_MS).toISOString(),
  extensions: { region: 'eu' },
  dataText: '{"plan":"gold"}',
};

/** As the aggregator keeps a record that the warehouse refused. */
function recordLetter(change: Partial<StoredLetter> = {}): StoredLetter {
  const { headers, value } = encodeEventRecord(DECODED, ARRIVED_MS);
  const id = deadLetterId({ topic: EVENTS_TOPIC, partition: 0, offset: 7 });
  return letter({
    id,
    stage: 'aggregator',
    code: 'event-not-storable',
    headers,
    value,
    attempt: 2,
    ...change,
  });
}

const pathOf = ({ id }: StoredLetter) => `${PATH}/${encodeURIComponent(id)}`;
const idsOf = (body: Readonly<Record<string, unknown>>) =>
  (body['deadLetters'] as { id: string }[]).map(({ id }) => id);

describe('dead letters', () => {
  it('are found by each filter, latest first, page by page', async () => {
    const gateway = await open([
      letter({ id: 'ingest:1', arrivedAtMs: ARRIVED_MS }),
      letter({ id: 'ingest:2', arrivedAtMs: ARRIVED_MS + 1, code: 'event-too-deep', state: 'discarded' }),
      letter({ id: 'ingest:3', arrivedAtMs: ARRIVED_MS + 1, eventType: 'order.sent', eventId: '' }),
      letter({ id: 'ingest:4', organization: OTHER }),
    ]);
    const search = async (query: string) => (await callAs(gateway, `${PATH}?${query}`)).body;
    expect(idsOf(await search(''))).toEqual(['ingest:2', 'ingest:3', 'ingest:1']);
    expect(idsOf(await search('state=open'))).toEqual(['ingest:3', 'ingest:1']);
    expect(idsOf(await search('code=event-too-deep'))).toEqual(['ingest:2']);
    expect(idsOf(await search('type=order.sent'))).toEqual(['ingest:3']);
    const behind = new Date(ARRIVED_MS + 1).toISOString();
    expect(idsOf(await search(`from=${behind}&contains=gold`))).toEqual(['ingest:2', 'ingest:3']);
    expect(idsOf(await search(`to=${behind}`))).toEqual(['ingest:1']);

    const first = await search('limit=2');
    expect(idsOf(first)).toEqual(['ingest:2', 'ingest:3']);
    const second = await search(`limit=2&cursor=${String(first['cursor'])}`);
    expect([idsOf(second), second['cursor']]).toEqual([['ingest:1'], null]);
    expect(first['deadLetters']).toMatchObject([{}, { eventType: 'order.sent', eventId: null }]);
    expect(JSON.stringify(first)).not.toContain('valueBase64');
  });

  it('are counted by code and state', async () => {
    const gateway = await open([
      letter({ id: 'ingest:1' }),
      letter({ id: 'ingest:2' }),
      letter({ id: 'ingest:3', state: 'replayed', replay: { sinceMs: NOW_MS, source: '/shop', id: 'e1' } }),
      letter({ id: 'ingest:4', organization: OTHER }),
    ]);
    expect((await callAs(gateway, `${PATH}/summary`)).body).toEqual({
      counts: [
        { code: 'invalid-event', state: 'open', letters: 2 },
        { code: 'invalid-event', state: 'replayed', letters: 1 },
      ],
      total: 3,
    });
    expect((await callAs(gateway, `${PATH}/summary?state=open`)).body['total']).toBe(2);
  });

  it.each(['state=lost', 'limit=0', 'limit=1001', 'cursor=nonsense', 'from=yesterday', 'organization=other'])(
    'are not searched by %s',
    async (query) => {
      const gateway = await open([]);
      const { status, body } = await callAs(gateway, `${PATH}?${query}`);
      expect([status, body['code']]).toEqual([400, 'invalid-request']);
    },
  );

  it('show their event, put together again if need be, or their bytes', async () => {
    const bytes = letter({ id: 'ingest:3', value: Buffer.from([0xff, 0x00]) });
    const record = recordLetter();
    const gateway = await open([letter(), record, bytes]);
    expect((await callAs(gateway, pathOf(letter()))).body).toMatchObject({ event: EVENT, headers: {} });
    const { body } = await callAs(gateway, pathOf(record));
    expect(body).toMatchObject({ id: record.id, attempt: 2, headers: record.headers });
    expect(body['event']).toEqual({
      specversion: '1.0',
      ...{ id: 'e7', source: '/shop', type: 'order.placed', subject: 'user-1', region: 'eu' },
      time: DECODED.timeText,
      data: { plan: 'gold' },
    });
    const shown = (await callAs(gateway, pathOf(bytes))).body;
    expect(shown).toMatchObject({ valueBase64: '/wA=' });
    expect(shown).not.toHaveProperty('event');
  });

  it('of others are not there', async () => {
    const foreign = letter({ organization: OTHER });
    const nobodys = letter({ id: 'tidemark.events:0:1', organization: null, stage: 'aggregator' });
    const gateway = await open([foreign, nobodys]);
    for (const one of [foreign, nobodys]) {
      for (const [method, url] of [
        ['GET', pathOf(one)],
        ['POST', `${pathOf(one)}/replay`],
        ['POST', `${pathOf(one)}/discard`],
      ] as const) {
        expect([url, (await callAs(gateway, url, { method })).status]).toEqual([url, 404]);
      }
    }
    expect((await callAs(gateway, `${PATH}/replay`, { body: {} })).body).toMatchObject({ replayed: 0 });
    expect(gateway.log.records).toEqual([]);
    expect(gateway.letters.all().map(({ state }) => state)).toEqual(['open', 'open']);
  });

  it('of nobody are shown to the operator, who may discard and not replay them', async () => {
    const nobodys = letter({ id: 'tidemark.events:0:1', organization: null, stage: 'aggregator' });
    const gateway = await open([nobodys]);
    expect(idsOf((await callAs(gateway, `${PATH}?organization=none`)).body)).toEqual([nobodys.id]);
    const url = pathOf(nobodys);
    expect((await callAs(gateway, `${url}?organization=none`)).body).toMatchObject({ organization: null });
    const body = { event: EVENT };
    expect(await callAs(gateway, `${url}/replay?organization=none`, { body })).toMatchObject({
      status: 409,
      body: { code: 'conflict', detail: expect.stringContaining('whose it is') },
    });
    const discarded = await callAs(gateway, `${url}/discard?organization=none`, { method: 'POST' });
    expect([discarded.status, gateway.letters.all()[0]?.state]).toEqual([204, 'discarded']);

    const other = await open([nobodys], { organization: OTHER });
    for (const path of [PATH, `${PATH}/summary`, url]) {
      expect((await callAs(other, `${path}?organization=none`)).status).toBe(403);
    }
  });
});

describe('a replay', () => {
  it('sends the event in again as it was, at the time of its first arrival', async () => {
    const gateway = await open([letter()]);
    const url = `${pathOf(letter())}/replay`;
    const { status, body } = await callAs(gateway, url, { method: 'POST' });
    expect([status, body]).toEqual([
      202,
      { id: letter().id, attempt: 2, coordinate: { topic: EVENTS_TOPIC, partition: 0, offset: 0 } },
    ]);
    const [record] = gateway.log.records;
    if (record === undefined) throw new Error('one record was published');
    expect(record).toMatchObject({ headers: { 'tidemark-attempt': '2' }, timestampMs: NOW_MS });
    expect(decodeEventRecord(record)).toMatchObject({
      ok: true,
      event: {
        organization: DEFAULT_ORGANIZATION,
        id: 'e1',
        timeMs: ARRIVED_MS,
        dataText: '{"plan":"gold"}',
      },
    });
    const replay = { sinceMs: NOW_MS, source: '/shop', id: 'e1' };
    expect(gateway.letters.all()).toMatchObject([{ state: 'replayed', replay, changedAtMs: NOW_MS }]);
    expect((await callAs(gateway, pathOf(letter()))).body).toMatchObject({
      state: 'replayed',
      replay: { since: new Date(NOW_MS).toISOString(), source: '/shop', id: 'e1' },
    });
    const dayMs = NOW_MS - (NOW_MS % DAY_MS);
    const receipt = { organization: DEFAULT_ORGANIZATION, dayMs, acknowledged: 1, rejected: 0 };
    expect([...gateway.ledger.receipts]).toEqual([
      [JSON.stringify(['gateway-1', DEFAULT_ORGANIZATION, dayMs]), receipt],
    ]);

    // An answer that was lost: the copy has the same identity and says the same.
    expect((await callAs(gateway, url, { method: 'POST' })).status).toBe(202);
    const [first, second] = gateway.log.records;
    expect([second?.key, second?.value, second?.headers]).toEqual([first?.key, first?.value, first?.headers]);
    expect([...gateway.ledger.receipts.values()]).toEqual([{ ...receipt, acknowledged: 2 }]);
    gateway.setNow(NOW_MS + HOUR_MS + 1);
    expect(await callAs(gateway, url, { method: 'POST' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    expect(gateway.log.records).toHaveLength(2);
  });

  it('of a record keeps all of the event, and counts attempts on', async () => {
    const gateway = await open([recordLetter()]);
    const url = `${pathOf(recordLetter())}/replay`;
    expect((await callAs(gateway, url, { body: {} })).body).toMatchObject({ attempt: 3 });
    const [record] = gateway.log.records;
    if (record === undefined) throw new Error('one record was published');
    expect(decodeEventRecord(record)).toEqual({ ok: true, event: DECODED });
    expect(record.headers['tidemark-attempt']).toBe('3');
  });

  it('of what is still not acceptable names every fault, and leaves the letter open', async () => {
    const bad = letter({ value: json({ ...EVENT, id: 7, source: '' }) });
    const gateway = await open([bad]);
    const refused = await callAs(gateway, `${pathOf(bad)}/replay`, { method: 'POST' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-event' } });
    expect(pointersOf(refused)).toEqual(['/id', '/source']);
    const large = { ...EVENT, data: { text: 'x'.repeat(300_000) } };
    expect(await callAs(gateway, `${pathOf(bad)}/replay`, { body: { event: large } })).toMatchObject({
      status: 413,
      body: { code: 'event-too-large' },
    });
    expect(gateway.log.records).toEqual([]);
    expect(gateway.letters.all()).toEqual([bad]);

    const mended = await callAs(gateway, `${pathOf(bad)}/replay`, { body: { event: EVENT } });
    expect(mended.status).toBe(202);
    expect(gateway.letters.all()).toMatchObject([{ state: 'replayed' }]);
  });

  it('needs the mended event when the letter holds none', async () => {
    const bytes = letter({ value: Buffer.from('{"id":') });
    const gateway = await open([bytes]);
    expect(await callAs(gateway, `${pathOf(bytes)}/replay`, { method: 'POST' })).toMatchObject({
      status: 400,
      body: { code: 'record-unreadable' },
    });
    expect((await callAs(gateway, `${pathOf(bytes)}/replay`, { body: { event: EVENT } })).status).toBe(202);
  });

  it('that the bus does not take may be tried again for an hour: some of it may be in the log', async () => {
    let isAway = true;
    const gateway = await open([letter()], {
      publish: async (topic) => {
        if (isAway) throw new AppError('bus-unavailable', 'away');
        return [{ topic, partition: 0, offset: 0 }];
      },
    });
    const replay = () => callAs(gateway, `${pathOf(letter())}/replay`, { method: 'POST' });
    const refused = await replay();
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '2']);
    expect([gateway.letters.all()[0]?.state, gateway.ledger.receipts.size]).toEqual(['replaying', 0]);
    isAway = false;
    gateway.setNow(NOW_MS + HOUR_MS + 1);
    expect(await replay()).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('send it as a new event') },
    });
    gateway.setNow(NOW_MS + HOUR_MS);
    expect((await replay()).status).toBe(202);
    const [kept] = gateway.letters.all();
    expect(kept).toMatchObject({ state: 'replayed', replay: { sinceMs: NOW_MS } });
  });

  it('that was killed behind the log is known: two days later it is refused, whatever it says', async () => {
    const gateway = await open([letter()]);
    const url = `${pathOf(letter())}/replay`;
    const setState = gateway.letters.setState.bind(gateway.letters);
    gateway.letters.setState = async (letters) => {
      if (letters.some(({ state }) => state === 'replayed'))
        throw new AppError('warehouse-unavailable', 'away');
      await setState(letters);
    };
    expect((await callAs(gateway, url, { method: 'POST' })).status).toBe(503);
    expect(gateway.log.records).toHaveLength(1);
    gateway.letters.setState = setState;
    gateway.setNow(NOW_MS + 2 * DAY_MS);
    for (const body of [{}, { event: EVENT }, { event: { ...EVENT, id: 'e2' } }]) {
      expect(await callAs(gateway, url, { body })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    }
    expect((await callAs(gateway, `${PATH}/replay`, { body: {} })).body).toMatchObject({
      replayed: 0,
      refused: [{ id: letter().id, code: 'conflict' }],
    });
    expect(gateway.log.records).toHaveLength(1);
  });

  it('publishes nothing when it cannot be written down before', async () => {
    const gateway = await open([letter()]);
    gateway.letters.setState = () => Promise.reject(new AppError('warehouse-unavailable', 'away'));
    expect((await callAs(gateway, `${pathOf(letter())}/replay`, { method: 'POST' })).status).toBe(503);
    expect((await callAs(gateway, `${PATH}/replay`, { body: {} })).status).toBe(503);
    expect(gateway.log.records).toEqual([]);
  });

  it('as another event is refused, also at the same time: a letter becomes one event', async () => {
    const gateway = await open([letter()]);
    const url = `${pathOf(letter())}/replay`;
    const as = (id: string) => callAs(gateway, url, { body: { event: { ...EVENT, id } } });
    const answers = await Promise.all([as('a'), as('b'), as('a'), as('c')]);
    const ids = gateway.log.records.map((record) => {
      const decoded = decodeEventRecord(record);
      return decoded.ok ? decoded.event.id : null;
    });
    expect(new Set(ids)).toHaveProperty('size', 1);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(ids.length);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(4 - ids.length);
    const other = await as('d');
    expect(other.body['detail']).toContain(`id ${JSON.stringify(ids[0])}`);
  });

  it('that another process began meanwhile stands', async () => {
    const gateway = await open([letter()]);
    const setState = gateway.letters.setState.bind(gateway.letters);
    // Between the look at the letter and the claim.
    gateway.letters.setState = async (letters) => {
      const replay = { sinceMs: NOW_MS - 1, source: '/shop', id: 'theirs' };
      await setState([{ ...letter(), state: 'replaying', replay }]);
      await setState(letters);
    };
    const refused = await callAs(gateway, `${pathOf(letter())}/replay`, { method: 'POST' });
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('theirs') } });
    expect(gateway.log.records).toEqual([]);
  });

  it('may be asked for after a discard, and a discard not after it', async () => {
    const gateway = await open([letter()]);
    const discard = () => callAs(gateway, `${pathOf(letter())}/discard`, { method: 'POST' });
    expect([(await discard()).status, (await discard()).status]).toEqual([204, 204]);
    expect((await callAs(gateway, `${pathOf(letter())}/replay`, { method: 'POST' })).status).toBe(202);
    expect(await discard()).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  it.each(['replaying', 'replayed'] as const)(
    'wins over a discard that comes when it is %s',
    async (state) => {
      const gateway = await open([letter()]);
      const setState = gateway.letters.setState.bind(gateway.letters);
      const replay = { sinceMs: NOW_MS, source: '/shop', id: 'e1' };
      // Between the look at the letter and the discard.
      gateway.letters.setState = async (letters) => {
        await setState([{ ...letter(), state, replay }]);
        await setState(letters);
      };
      expect(await callAs(gateway, `${pathOf(letter())}/discard`, { method: 'POST' })).toMatchObject({
        status: 409,
        body: { code: 'conflict' },
      });
      expect(gateway.letters.all()).toMatchObject([{ state, replay }]);
    },
  );
});

describe('a replay of many', () => {
  const many = Array.from({ length: 1_100 }, (_, index) =>
    letter({
      id: `ingest:${String(index).padStart(4, '0')}`,
      arrivedAtMs: ARRIVED_MS - index,
      value: json(index === 3 ? { ...EVENT, id: '' } : { ...EVENT, id: `e${index}` }),
      ...(index === 4 ? { state: 'discarded' as const } : {}),
    }),
  );

  it('replays the open letters that match, a thousand a call', async () => {
    const gateway = await open([...many, letter({ id: 'ingest:x', code: 'event-too-deep' })]);
    const first = await callAs(gateway, `${PATH}/replay`, { body: { code: 'invalid-event' } });
    expect([first.status, first.body['replayed']]).toEqual([202, 999]);
    expect(first.body['refused']).toMatchObject([{ id: 'ingest:0003', code: 'invalid-event' }]);
    const second = await callAs(gateway, `${PATH}/replay`, {
      body: { code: 'invalid-event', cursor: first.body['cursor'] },
    });
    expect(second.body).toEqual({ replayed: 99, refused: [], cursor: null });
    expect(gateway.log.records).toHaveLength(1_098);
    expect([...gateway.ledger.receipts.values()]).toMatchObject([{ acknowledged: 1_098 }]);
    const open_ = gateway.letters.all().filter(({ state }) => state === 'open');
    expect(open_.map(({ id }) => id)).toEqual(['ingest:0003', 'ingest:x']);
  });

  it('takes up those whose replay did not come through, and refuses those replayed as another event', async () => {
    const begun = letter({
      id: 'ingest:1',
      state: 'replaying',
      replay: { sinceMs: NOW_MS, source: '/shop', id: 'e1' },
    });
    const mended = { ...begun, id: 'ingest:2', replay: { sinceMs: NOW_MS, source: '/shop', id: 'e9' } };
    const done = { ...begun, id: 'ingest:3', state: 'replayed' as const };
    const gateway = await open([begun, mended, done]);
    expect((await callAs(gateway, `${PATH}/replay`, { body: {} })).body).toMatchObject({
      replayed: 1,
      refused: [{ id: 'ingest:2', code: 'conflict' }],
    });
    expect(gateway.log.records).toHaveLength(1);
    expect(gateway.letters.all().map(({ state }) => state)).toEqual(['replayed', 'replaying', 'replayed']);
  });

  it('stops early when it takes long, and says where to go on', async () => {
    const slow: TestGateway[] = [];
    let nowMs = NOW_MS;
    const gateway = await open(many, {
      publish: async (topic, batch) => {
        nowMs += 15_000;
        slow[0]?.setNow(nowMs);
        return batch.map((_record, offset) => ({ topic, partition: 0, offset }));
      },
    });
    slow.push(gateway);
    const { body } = await callAs(gateway, `${PATH}/replay`, { body: {} });
    expect(body).toMatchObject({ replayed: 99, cursor: expect.any(String) });
    const next = await callAs(gateway, `${PATH}/replay`, { body: { cursor: body['cursor'] } });
    expect(next.body['replayed']).toBe(100);
  });
});

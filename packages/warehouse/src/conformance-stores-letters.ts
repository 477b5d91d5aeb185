/** Dead letters: kept whatever their bytes are, found by their organization alone, replaced only by what was decided later. */
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, SECOND_MS } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { Stores } from './conformance-stores-opened.ts';
import { organizationId, unique } from './conformance-stores-rows.ts';
import type { LetterCursor, LetterFilter, StoredLetter } from './dead-letters.ts';

/** Letters are dropped a month after their arrival: these arrive late enough not to be. */
const ARRIVAL_MS = Date.UTC(2099, 0, 15, 12);
const range = (length: number) => Array.from({ length }, (_, index) => index);
const idsOf = (letters: readonly Pick<StoredLetter, 'id'>[]) => letters.map(({ id }) => id);

function letterOf(fields: Partial<StoredLetter> & Pick<StoredLetter, 'organization'>): StoredLetter {
  const arrivedAtMs = fields.arrivedAtMs ?? ARRIVAL_MS;
  return {
    id: `events:0:${unique()}`,
    stage: 'aggregator',
    code: 'invalid-event',
    detail: 'data is no object',
    eventType: 'test.happened',
    eventSource: 'tests',
    eventId: 'e1',
    arrivedAtMs,
    attempt: 1,
    headers: {},
    value: Buffer.from('{}'),
    state: 'open',
    replay: null,
    changedAtMs: arrivedAtMs,
    ...fields,
  };
}

export function describeDeadLetters(current: () => Stores): void {
  const search = (filter: LetterFilter, limit = 100, after: LetterCursor | null = null) =>
    current().letters.search(filter, { limit, after });
  const shownOf = ({ headers: _headers, value: _value, ...shown }: StoredLetter) => shown;

  describe('dead letters', () => {
    it('come back as they were, whatever their bytes and texts', async () => {
      const { letters } = current();
      const organization = organizationId();
      const text = `ü 漢 😀 ' " \\ \n \t \u0000 {p0:String} \\N`;
      const bytes = Buffer.from(range(256));
      const large = Buffer.concat(
        range(2_400).map((turn) => Buffer.from(range(256).map((byte) => (byte * 7 + turn) % 256))),
      );
      const values = [bytes, large, Buffer.alloc(0), Buffer.from([0xff]), Buffer.from('{"a":1}')];
      const written = values.map((value) =>
        letterOf({
          organization,
          value,
          detail: text,
          eventType: text,
          eventSource: text,
          eventId: text,
          attempt: 3,
          stage: 'ingest',
          headers: { [text]: text, 'ce-time': '2099-01-15T12:00:00Z', __proto__x: '', half: '\ud800' },
          arrivedAtMs: ARRIVAL_MS + 7,
          changedAtMs: ARRIVAL_MS + 9,
        }),
      );
      expect(large.byteLength).toBe(614_400);
      await letters.add(written);
      for (const letter of written) expect(await letters.find(organization, letter.id)).toEqual(letter);
    });

    it('are kept when a text of theirs is no text', async () => {
      const { letters } = current();
      const letter = letterOf({ organization: organizationId(), eventId: 'half \ud800', detail: '\udc00' });
      await letters.add([letter]);
      expect(await letters.find(letter.organization, letter.id)).toEqual({
        ...letter,
        eventId: 'half \ufffd',
        detail: '\ufffd',
      });
    });

    it('are seen by nobody but their organization, nor by it those of nobody', async () => {
      const { letters } = current();
      const [one, other] = [organizationId(), organizationId()];
      const tag = `wall-${unique()}`;
      const owners: readonly (OrganizationId | null)[] = [one, other, null];
      // The same id three times: the organization is part of what names a letter.
      const written = owners.map((organization) => letterOf({ organization, id: tag, eventId: tag }));
      const foreign = letterOf({ organization: other, eventId: tag });
      await letters.add([...written, foreign]);
      for (const [index, organization] of owners.entries()) {
        const own = await search({ organization, contains: tag });
        expect(own).toHaveLength(organization === other ? 2 : 1);
        expect(own.every((letter) => letter.organization === organization)).toBe(true);
        expect(await letters.find(organization, tag)).toEqual(written[index]);
        expect(await letters.count({ organization, contains: tag })).toMatchObject([{ letters: own.length }]);
      }
      expect(await letters.find(one, foreign.id)).toBeNull();
      expect(await letters.find(null, foreign.id)).toBeNull();
      expect(await letters.find(organizationId(), tag)).toBeNull();
      expect(await letters.reread([{ ...foreign, organization: one }])).toEqual([]);
      expect(await letters.reread(written.slice(0, 1))).toEqual(written.slice(0, 1).map(shownOf));
      await expect(letters.reread(written)).rejects.toThrow(/Assertion failed/);
    });

    it('are there once, however often they are added', async () => {
      const { letters } = current();
      const organization = organizationId();
      const written = range(3).map(() => letterOf({ organization }));
      await letters.add(written);
      await letters.add(written.slice(1));
      await letters.add([]);
      expect(await search({ organization })).toHaveLength(3);
      expect(await letters.count({ organization })).toEqual([
        { code: 'invalid-event', state: 'open', letters: 3 },
      ]);
    });

    it('take a state, keep all else, and keep the state when they are added again', async () => {
      const { letters } = current();
      const letter = letterOf({
        organization: organizationId(),
        headers: { a: 'b' },
        value: Buffer.from([0, 255]),
      });
      const { organization } = letter;
      const find = async () => {
        const found = await letters.find(organization, letter.id);
        if (found === null) throw new Error('the letter is there');
        return found;
      };
      await letters.add([letter]);
      const discarded = { ...letter, state: 'discarded' as const, changedAtMs: ARRIVAL_MS + SECOND_MS };
      await letters.setState([discarded]);
      await letters.add([letter]);
      expect(await find()).toEqual(discarded);
      expect(await letters.reread([letter])).toEqual([shownOf(discarded)]);
      expect(await search({ organization, states: ['open', 'replayed'] })).toEqual([]);
      expect(await search({ organization, states: ['open', 'discarded'] })).toHaveLength(1);
      expect(await letters.count({ organization })).toEqual([
        { code: letter.code, state: 'discarded', letters: 1 },
      ]);
    });

    it('take a later state alone, whenever it is written, and keep the replay that began first', async () => {
      const { letters } = current();
      const letter = letterOf({ organization: organizationId() });
      const replay = { sinceMs: ARRIVAL_MS + 5, source: '/s ü', id: "it's" };
      const replaying = { ...letter, state: 'replaying' as const, replay, changedAtMs: ARRIVAL_MS + 5 };
      const later = { ...replaying, replay: { ...replay, sinceMs: ARRIVAL_MS + 6, id: 'other' } };
      const replayed = { ...replaying, state: 'replayed' as const, changedAtMs: ARRIVAL_MS + 9 };
      const discarded = { ...letter, state: 'discarded' as const, changedAtMs: ARRIVAL_MS + DAY_MS };
      await letters.add([letter]);
      await letters.setState([discarded]);
      for (const [written, standing] of [
        [later, later],
        [discarded, later],
        [replaying, replaying],
        [later, replaying],
        [letter, replaying],
        [replayed, replayed],
        [discarded, replayed],
        [replaying, replayed],
      ]) {
        if (written === undefined || standing === undefined) throw new Error('pairs');
        await letters.setState([written]);
        expect(await letters.find(letter.organization, letter.id)).toEqual(standing);
        expect(await letters.reread([letter])).toEqual([shownOf(standing)]);
      }
    });

    it('are not written with a replay that their state denies, nor without one that it needs', async () => {
      const { letters } = current();
      const letter = letterOf({ organization: organizationId() });
      const replay = { sinceMs: ARRIVAL_MS, source: '/s', id: 'e' };
      for (const wrong of [
        { ...letter, state: 'replaying' as const },
        { ...letter, state: 'replayed' as const },
        { ...letter, state: 'discarded' as const, replay },
      ])
        await expect(letters.setState([wrong])).rejects.toThrow(/Assertion failed/);
      expect(await search({ organization: letter.organization })).toEqual([]);
    });

    it('take a state together, whatever the days of their arrival', async () => {
      const { letters } = current();
      const organization = organizationId();
      const days = [ARRIVAL_MS - DAY_MS, ARRIVAL_MS, ARRIVAL_MS + 1, ARRIVAL_MS + DAY_MS];
      const written = days.map((arrivedAtMs) => letterOf({ organization, arrivedAtMs }));
      for (const letter of written) await letters.add([letter]);
      await letters.setState(written.slice(0, 3).map((letter) => ({ ...letter, state: 'discarded' })));
      await letters.setState([]);
      expect(idsOf(await search({ organization, states: ['discarded'] }))).toHaveLength(3);
      expect(idsOf(await search({ organization, states: ['open'] }))).toEqual([written[3]?.id]);
      const reread = await letters.reread(written);
      expect(new Set(idsOf(reread))).toEqual(new Set(idsOf(written)));
      expect(reread.filter(({ state }) => state === 'open')).toEqual(written.slice(3).map(shownOf));
      expect(await letters.reread([])).toEqual([]);
    });

    it('are found by each filter, and by all together', async () => {
      const { letters } = current();
      const organization = organizationId();
      const plain = letterOf({ organization });
      const marked = {
        code: letterOf({ organization, code: 'event-too-large' }),
        type: letterOf({ organization, eventType: `o'b` }),
        early: letterOf({ organization, arrivedAtMs: ARRIVAL_MS - 1 }),
        late: letterOf({ organization, arrivedAtMs: ARRIVAL_MS + 1 }),
        detail: letterOf({ organization, detail: 'ein Nädelchen' }),
        source: letterOf({ organization, eventSource: 'Nädelchen' }),
        event: letterOf({ organization, eventId: 'xNädelchenx' }),
        id: letterOf({ organization, id: `Nädelchen-${unique()}` }),
        value: letterOf({ organization, value: Buffer.from([0xff, ...Buffer.from('Nädelchen'), 0xfe]) }),
      };
      await letters.add([plain, ...Object.values(marked)]);
      const found = async (filter: Omit<LetterFilter, 'organization'>) =>
        new Set(idsOf(await search({ organization, ...filter })));
      const only = (...some: StoredLetter[]) => new Set(idsOf(some));
      expect(await found({ code: 'event-too-large' })).toEqual(only(marked.code));
      expect(await found({ eventType: `o'b` })).toEqual(only(marked.type));
      expect(await found({ toMs: ARRIVAL_MS })).toEqual(only(marked.early));
      expect(await found({ fromMs: ARRIVAL_MS + 1 })).toEqual(only(marked.late));
      expect(await found({ fromMs: ARRIVAL_MS - 1, toMs: ARRIVAL_MS })).toEqual(only(marked.early));
      const holding = [marked.detail, marked.source, marked.event, marked.id, marked.value];
      expect(await found({ contains: 'Nädelchen' })).toEqual(only(...holding));
      expect(await found({ contains: 'nädelchen' })).toEqual(only());
      expect(await found({ contains: '%' })).toEqual(only());
      await letters.setState([{ ...marked.detail, state: 'discarded', changedAtMs: ARRIVAL_MS + 5 }]);
      expect(await found({ contains: 'Nädelchen', states: ['discarded'], code: 'invalid-event' })).toEqual(
        only(marked.detail),
      );
      expect(await found({ states: ['open'] })).toHaveProperty('size', 9);
      expect(await letters.count({ organization, contains: 'Nädelchen' })).toEqual([
        { code: 'invalid-event', state: 'discarded', letters: 1 },
        { code: 'invalid-event', state: 'open', letters: 4 },
      ]);
    });

    it('are paged newest first, those of one instant by id, none twice and none left out', async () => {
      const { letters } = current();
      const organization = organizationId();
      // Three days, and many letters of one instant.
      const written = range(60).map((index) =>
        letterOf({
          organization,
          arrivedAtMs: ARRIVAL_MS - (index % 3) * DAY_MS - (index % 4) * (index % 2),
          id: `l${index}`,
        }),
      );
      for (const day of range(3)) {
        const batch = written.filter((_, index) => index % 3 === day);
        await letters.add(batch.slice(7));
        await letters.add(batch.slice(0, 9));
      }
      const expected = written
        .map(shownOf)
        .toSorted((a, b) => b.arrivedAtMs - a.arrivedAtMs || (a.id < b.id ? -1 : 1));
      for (const limit of [1, 7, 60, 1_000]) {
        const pages: Awaited<ReturnType<typeof search>>[] = [];
        let after: LetterCursor | null = null;
        for (;;) {
          const page: Awaited<ReturnType<typeof search>> = await search({ organization }, limit, after);
          const last = page.at(-1);
          if (last === undefined) break;
          pages.push(page);
          after = { arrivedAtMs: last.arrivedAtMs, id: last.id };
        }
        expect(pages.flat()).toEqual(expected);
        expect(pages).toHaveLength(Math.ceil(60 / limit));
      }
    }, 60_000);

    it('refuse a call that spreads over days, and pages without end', async () => {
      const { letters } = current();
      const organization = organizationId();
      const [one, other] = [0, 1].map((day) =>
        letterOf({ organization, arrivedAtMs: ARRIVAL_MS + day * DAY_MS }),
      );
      if (one === undefined || other === undefined) throw new Error('two letters');
      await expect(letters.add([one, other])).rejects.toThrow(/Assertion failed/);
      await expect(search({ organization }, 0)).rejects.toThrow(/Assertion failed/);
      await expect(search({ organization }, 1_001)).rejects.toThrow(/Assertion failed/);
      expect(await search({ organization })).toEqual([]);
    });
  });
}

/** Dead letters by where their records stood: what the books are held to. */
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, SECOND_MS, type OrganizationId } from '@tidemark/core';
import type { Stores } from './conformance-stores-opened.ts';
import { organizationId, unique } from './conformance-stores-rows.ts';
import type { StoredLetter } from './dead-letters.ts';

/** Letters are dropped a month after their arrival: these arrive late enough not to be. */
const DAY = Date.UTC(2099, 0, 15);

function letterOf(
  id: string,
  organization: OrganizationId | null,
  fields: Partial<StoredLetter> = {},
): StoredLetter {
  const arrivedAtMs = fields.arrivedAtMs ?? DAY;
  return {
    ...{ id, organization, stage: 'aggregator', code: 'invalid-event', detail: '', attempt: 1 },
    ...{ eventType: '', eventSource: '', eventId: '', headers: {}, value: Buffer.from('{}') },
    ...{ state: 'open', replay: null, arrivedAtMs, changedAtMs: arrivedAtMs },
    ...fields,
  };
}

export function describeLetterBooks(current: () => Stores): void {
  describe('the books of dead letters', () => {
    it('count each letter of a range of offsets once, by partition, organization and day', async () => {
      const { letters, letterBooks } = current();
      const topic = `topic-${unique()}`;
      const [one, other] = [organizationId(), organizationId()];
      const at = (partition: number, offset: number) => `${topic}:${partition}:${offset}`;
      const today = [
        letterOf(at(0, 9), one),
        letterOf(at(0, 10), one),
        letterOf(at(0, 11), one, { arrivedAtMs: DAY + DAY_MS - 1 }),
        letterOf(at(0, 12), other),
        letterOf(at(0, 19), null),
        letterOf(at(0, 20), one),
        letterOf(at(3, 0), one),
        letterOf(at(4, 0), one),
      ];
      await letters.add(today);
      await letters.add(today.slice(1, 3));
      await letters.add([letterOf(at(0, 13), one, { arrivedAtMs: DAY + DAY_MS })]);
      await letters.add([letterOf(at(0, 14), one, { arrivedAtMs: DAY - 1 })]);
      await letters.setState([
        { ...letterOf(at(0, 10), one), state: 'discarded', changedAtMs: DAY + SECOND_MS },
      ]);
      const asked = [
        { partition: 0, from: 10, to: 20 },
        { partition: 3, from: 0, to: 1 },
      ];
      const counted = await letterBooks.buriedByDay(topic, DAY, asked);
      expect(counted).toHaveLength(5);
      expect(counted).toEqual(
        expect.arrayContaining([
          { partition: 0, organization: one, dayMs: DAY, letters: 2 },
          { partition: 0, organization: one, dayMs: DAY + DAY_MS, letters: 1 },
          { partition: 0, organization: other, dayMs: DAY, letters: 1 },
          { partition: 0, organization: null, dayMs: DAY, letters: 1 },
          { partition: 3, organization: one, dayMs: DAY, letters: 1 },
        ]),
      );
      expect(await letterBooks.buriedByDay(topic, DAY, [])).toEqual([]);
    });

    it('leave out what ingest refused, letters of other topics, and ids that name no place', async () => {
      const { letters, letterBooks } = current();
      const topic = `topic-${unique()}`;
      const organization = organizationId();
      await letters.add([
        letterOf(`${topic}:0:0`, organization, { stage: 'ingest' }),
        letterOf(`${topic}-2:0:0`, organization),
        letterOf(`x${topic}:0:0`, organization),
        letterOf(`${topic}:0`, organization),
        letterOf(`${topic}:0:x`, organization),
        letterOf(`${topic}:0:-1`, organization),
        letterOf(`${topic}:0:7`, organization),
      ]);
      const whole = [{ partition: 0, from: 0, to: 100 }];
      expect(await letterBooks.buriedByDay(topic, DAY, whole)).toEqual([
        { partition: 0, organization, dayMs: DAY, letters: 1 },
      ]);
    });
  });
}

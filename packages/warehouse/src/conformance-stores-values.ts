import { describe, expect, it } from '@jest/globals';
import { decimalOf, decimalText } from './conformance-stores-fold.ts';
import {
  eventBatch,
  eventRow,
  measureOf,
  newToken,
  NOON_MS,
  organizationId,
} from './conformance-stores-rows.ts';
import { aggregateRaw } from './conformance-stores-states.ts';
import { createRollupWriter, SUMS } from './conformance-stores-writer.ts';
import type { Stores } from './conformance-stores-opened.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);

export function describeValues(current: () => Stores): void {
  const { storeValues, recompute, rollupOf } = createRollupWriter(current);

  describe('values', () => {
    it('are summed exactly to the twelfth decimal', async () => {
      const organization = organizationId();
      const texts = [
        ...range(3_000).map(() => '0.000000000001'),
        ...range(1_000).map((index) => `${index}.1`),
        ...range(100).map(() => '999999999999999.999999999999'),
        '-0.3',
      ];
      await storeValues(organization, texts);
      await recompute(organization, { bucketStartsMs: [NOON_MS], measures: [SUMS] });
      const sum = texts.reduce((total, text) => total + (decimalOf(text) ?? 0n), 0n);
      expect(await rollupOf({ organization, measure: SUMS })).toMatchObject([
        { sum: decimalText(sum), min: '-0.3', max: '999999999999999.999999999999' },
      ]);
    });

    it.each<[string, string | null]>([
      ['12.50', '12.5'],
      ['1e3', '1000'],
      ['1e-7', '0.0000001'],
      ['0.30000000000000004', '0.3'],
      ['"0.1234567890129"', '0.123456789012'],
      ['"-999999999999999.9"', '-999999999999999.9'],
      ['"1000000000000000"', null],
      ['1e20', null],
      ['18446744073709551615', null],
      ['"1e400"', null],
      ['"1e-400"', '0'],
      ['"+5"', '5'],
      ['".5"', '0.5'],
      ['"-"', null],
      ['"."', null],
      ['"1.2.3"', null],
      ['" 12"', null],
      ['"1,5"', null],
      ['"0x10"', null],
      ['"NaN"', null],
      ['"Infinity"', null],
      ['""', null],
      ['true', null],
      ['null', null],
      ['{"x":1}', null],
      ['[1]', null],
      ['"2024-01-01"', null],
    ])('%s counts as %s', async (json, expected) => {
      const organization = organizationId();
      await current().events.insert(
        eventBatch([eventRow({ organization, offset: 0, dataText: `{"amount":${json}}` })]),
        newToken(),
      );
      const [state] = await aggregateRaw(current().warehouse, { organization, measure: SUMS, tier: '1m' });
      expect(state).toMatchObject({ events: 1, valueCount: expected === null ? 0 : 1, last: expected });
    });

    it.each([
      '2024-01-01',
      '2024-01-01 00:00:00',
      '2024-01-01T00:00:00.5Z',
      '20240101',
      '007',
      '1.50',
      'true',
      'null',
      '127.0.0.1',
      '{"a":1}',
    ])('the text %s stays as it is', async (text) => {
      const organization = organizationId();
      await storeValues(organization, [text]);
      const measure = measureOf({ aggregation: 'count', dimensions: { amount: 'data.amount' } });
      const [state] = await aggregateRaw(current().warehouse, { organization, measure, tier: '1m' });
      expect(state?.dimensions).toEqual([text]);
    });

    it('are read below a thousand other keys, and beside another shape of the same key', async () => {
      const organization = organizationId();
      const keys = range(1_100).map((index) => [`k${index}`, `${index}.5`] as const);
      const texts = [
        ...keys.map(([key, value]) => JSON.stringify({ deep: { [key]: value } })),
        '{"deep":{"k1090":{"x":1}}}',
      ];
      await current().events.insert(
        eventBatch(texts.map((dataText, offset) => eventRow({ organization, offset, dataText }))),
        newToken(),
      );
      const measure = measureOf({ aggregation: 'sum', value: 'data.deep.k1090' });
      await recompute(organization, { bucketStartsMs: [NOON_MS], measures: [measure] });
      expect(await rollupOf({ organization, measure })).toMatchObject([
        { events: texts.length, valueCount: 1, sum: '1090.5' },
      ]);
    });
  });
}

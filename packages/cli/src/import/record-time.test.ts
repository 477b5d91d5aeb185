import { describe, expect, it } from '@jest/globals';
import type { Cell } from './record.ts';
import { parseRecordTime } from './record-time.ts';

describe('parseRecordTime', () => {
  it.each<[Cell, 'rfc3339' | 'unix-s' | 'unix-ms' | 'clf', string | null]>([
    ['2023-11-16 18:17:03.9799600', 'rfc3339', '2023-11-16T18:17:03.9799600Z'],
    ['2023-11-16T18:17:03+05:45', 'rfc3339', '2023-11-16T12:32:03Z'],
    ['2023-11-16 18:17:03.5 +0530', 'rfc3339', '2023-11-16T12:47:03.5Z'],
    ['2012/10/09 14:50:17.000', 'rfc3339', '2012-10-09T14:50:17.000Z'],
    ['2012/10-09 14:50:17', 'rfc3339', null],
    ['2023-02-29T00:00:00Z', 'rfc3339', null],
    ['2023-11-16', 'rfc3339', null],
    ['17/May/2015:10:05:03 +0000', 'clf', '2015-05-17T10:05:03Z'],
    ['01/Jan/2016:00:30:00 +0200', 'clf', '2015-12-31T22:30:00Z'],
    ['31/Jun/2015:10:05:03 +0000', 'clf', null],
    ['17/Foo/2015:10:05:03 +0000', 'clf', null],
    ['1446249499', 'unix-s', '2015-10-30T23:58:19Z'],
    ['1446249499.123456789', 'unix-s', '2015-10-30T23:58:19.123456789Z'],
    [1446249499322, 'unix-ms', '2015-10-30T23:58:19.322Z'],
    ['1446249499322.25', 'unix-ms', '2015-10-30T23:58:19.32225Z'],
    ['5', 'unix-ms', '1970-01-01T00:00:00.005Z'],
    ['-5', 'unix-s', null],
    ['1e9', 'unix-s', null],
    [undefined, 'unix-s', null],
    [true, 'unix-s', null],
  ])('reads %j as %s', (cell, format, expected) => {
    expect(parseRecordTime(cell, { column: 'x', format, assumeUtc: true })).toBe(expected);
  });

  it('wants an offset unless the mapping says that times are UTC', () => {
    const time = { column: 'x', format: 'rfc3339' } as const;
    expect(parseRecordTime('2023-11-16 18:17:03', time)).toBeNull();
    expect(parseRecordTime('2023-11-16 18:17:03Z', time)).toBe('2023-11-16T18:17:03Z');
  });
});

import { describe, expect, it } from '@jest/globals';
import type { ImportMapping } from '@tidemark/core';
import { RECORD_LENGTH_MAX, type SourceRecord } from './record.ts';
import { readRecords } from './record-reader.ts';

/** The text in chunks of so many bytes: no cut may change what is read. */
async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(
  format: ImportMapping['format'],
  columns: readonly string[],
  text: string,
  size = 65_536,
): Promise<SourceRecord[]> {
  const records: SourceRecord[] = [];
  for await (const some of readRecords(inChunks(text, size), { format }, columns)) records.push(...some);
  return records;
}

const CSV = '\uFEFFa, b,c\r\n1,"two, é",3\r\n\r\n"x\r\ny","say ""hi""",\r\n7,8\r\n9,10,11';

describe('readRecords', () => {
  it.each([1, 2, 3, 7, 65_536])('reads CSV in chunks of %i bytes', async (size) => {
    expect(await read('csv', ['c', 'b'], CSV, size)).toEqual([
      { number: 1, line: 2, text: '1,"two, é",3', cells: ['3', 'two, é'], fault: null },
      { number: 2, line: 4, text: '"x\ny","say ""hi""",', cells: ['', 'say "hi"'], fault: null },
      { number: 3, line: 6, text: '7,8', cells: null, fault: '2 cells, the header has 3' },
      { number: 4, line: 7, text: '9,10,11', cells: ['11', '10'], fault: null },
    ]);
  });

  it.each([1, 65_536])(
    'reads a CSV without a header, parted by spaces, in chunks of %i bytes',
    async (size) => {
      const records: SourceRecord[] = [];
      const mapping = { format: 'csv', layout: { delimiter: ' ', columns: ['a', 'b', 'c'] } } as const;
      for await (const some of readRecords(inChunks('1 2 3\n4 "5 6" 7\n8 9\n', size), mapping, ['c', 'b'])) {
        records.push(...some);
      }
      expect(records.map(({ number, line, cells, fault }) => [number, line, cells ?? fault])).toEqual([
        [1, 1, ['3', '2']],
        [2, 2, ['7', '5 6']],
        [3, 3, '2 cells, the header has 3'],
      ]);
    },
  );

  it('names the columns a CSV does not have', async () => {
    await expect(read('csv', ['a', 'x', 'y'], 'a,b\n1,2')).rejects.toThrow('no column x, y; there are: a, b');
  });

  it('reads on behind a CSV record with a stray quote', async () => {
    const records = await read('csv', ['a'], 'a,b\n1,x"y"z\n3,4\n');
    expect(records.map(({ cells, fault }) => cells ?? fault)).toEqual([
      expect.stringContaining('Invalid Opening Quote'),
      ['3'],
    ]);
  });

  it('tells where a quote is opened that nothing closes', async () => {
    const records = await read('csv', ['a'], 'a,b\n1,2\n3,"4\n5,6\n');
    expect(records).toMatchObject([
      { number: 1, cells: ['1'] },
      { number: 2, line: 3, fault: 'a quote is opened and not closed up to the end of the file' },
    ]);
  });

  it('gives nothing for an empty file and for a header alone', async () => {
    expect(await read('csv', ['a'], '')).toEqual([]);
    expect(await read('csv', ['a'], 'a,b')).toEqual([]);
    expect(await read('ndjson', ['a'], '\n\n')).toEqual([]);
  });

  it('reads NDJSON, with what is wrong in place', async () => {
    const text = '{"a":1,"b":"x"}\n\n{"a":true,"b":null}\r\n{"a":9007199254740993}\n[1]\n{"a":{}}\n{';
    const records = await read('ndjson', ['a', 'b'], text);
    expect(records.map(({ line, cells, fault }) => [line, cells ?? fault])).toEqual([
      [1, [1, 'x']],
      [3, [true, undefined]],
      [4, expect.stringContaining('beyond 2^53')],
      [5, 'not a JSON object'],
      [6, '"a" is an object, expected one value'],
      [7, expect.stringContaining('not JSON')],
    ]);
  });

  it('passes over a line longer than its limit and reads on', async () => {
    const text = `{"a":1}\n${'x'.repeat(2 * RECORD_LENGTH_MAX)}\n{"a":2}`;
    const records = await read('ndjson', ['a'], text);
    expect(records.map(({ line, cells }) => [line, cells])).toEqual([
      [1, [1]],
      [2, null],
      [3, [2]],
    ]);
    expect(records[1]?.fault).toContain(`longer than ${RECORD_LENGTH_MAX}`);
  });
});

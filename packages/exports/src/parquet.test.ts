import { describe, expect, it } from '@jest/globals';
import type { TableRow } from '@tidemark/core';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { exportTable } from './export-table.ts';
import { bytesOf, EVERY_TYPE, HOSTILE_ROWS, HOSTILE_TEXTS, tableOf } from './testing.ts';

const toArrayBuffer = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;

async function write(rows: readonly TableRow[], columns = EVERY_TYPE): Promise<ArrayBuffer> {
  return toArrayBuffer(await bytesOf(exportTable('parquet', tableOf(columns, rows))));
}

describe('Parquet', () => {
  it('gives back hostile text as it is', async () => {
    const rows = await parquetReadObjects({ file: await write(HOSTILE_ROWS) });
    // The reader takes a byte order mark for one, wherever it stands
    const texts = HOSTILE_TEXTS.map((text) => text.replace(/^\uFEFF/, ''));
    expect(rows.slice(0, HOSTILE_TEXTS.length).map((row): unknown => row['text'])).toEqual(texts);
    expect(rows[HOSTILE_TEXTS.length]).toEqual(
      Object.fromEntries(EVERY_TYPE.map(({ name }) => [name, null])),
    );
  });

  it('keeps types: doubles, exact decimals, instants in UTC', async () => {
    const file = await write(HOSTILE_ROWS);
    const rows = await parquetReadObjects({ file });
    const numbers = rows.slice(-4);
    expect(numbers.map((row): unknown => row['number'])).toEqual([1e308, -0, 2 ** 63, -5.25]);
    expect(numbers.map((row): unknown => row['time'])).toEqual(
      HOSTILE_ROWS.slice(-4).map((row) => new Date(String(row[3]))),
    );
    expect(numbers.map((row): unknown => row['flag'])).toEqual([true, false, true, true]);
    expect(numbers.map((row): unknown => row['scalar'])).toEqual([
      '-5',
      '1.5',
      '9223372036854775808',
      'true',
    ]);
    const metadata = parquetMetadata(file);
    expect(metadata.schema.find(({ name }) => name === 'money')).toMatchObject({
      converted_type: 'DECIMAL',
      precision: 38,
      scale: 12,
    });
    expect(metadata.schema.find(({ name }) => name === 'time')).toMatchObject({
      converted_type: 'TIMESTAMP_MILLIS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    });
    const kept = metadata.key_value_metadata?.find(({ key }) => key === 'tidemark')?.value;
    expect(JSON.parse(kept ?? '')).toMatchObject({ organization: 'acme' });
  });

  it('keeps every digit of a decimal', async () => {
    const texts = [
      '0.000000000001',
      '-12345678901234567890123456.123456789012',
      '12.50',
      '-0.5',
      '99999999999999999999999999.999999999999',
    ];
    const file = await write(
      texts.map((text) => [text]),
      [{ name: 'money', type: 'decimal' }],
    );
    const metadata = parquetMetadata(file);
    // Read as bytes, not through the reader's doubles
    for (const element of metadata.schema) delete element.converted_type;
    const rows = await parquetReadObjects({ file, metadata, utf8: false });
    const unscaled = rows.map((row) => fromBytes(row['money'] as Uint8Array));
    expect(unscaled).toEqual([
      1n,
      -12345678901234567890123456123456789012n,
      12_500_000_000_000n,
      -500_000_000_000n,
      99999999999999999999999999999999999999n,
    ]);
  });

  it('refuses a decimal that does not fit', async () => {
    for (const text of ['100000000000000000000000000', '0.0000000000001', '1e5']) {
      await expect(write([[text]], [{ name: 'money', type: 'decimal' }])).rejects.toMatchObject({
        code: 'query-too-expensive',
      });
    }
  });

  it('comes in row groups while it is made, and is a file without rows too', async () => {
    const columns = [{ name: 'n', type: 'number' }] as const;
    const rows = Array.from({ length: 100_000 }, (_, index): TableRow => [index]);
    const pieces: Uint8Array[] = [];
    for await (const piece of exportTable('parquet', tableOf(columns, rows, 10_000))) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(3);
    const file = toArrayBuffer(Buffer.concat(pieces));
    expect(parquetMetadata(file).row_groups.length).toBe(4);
    const read = await parquetReadObjects({ file });
    expect(read.map((row): unknown => row['n'])).toEqual(rows.map(([n]) => n));
    expect(await parquetReadObjects({ file: await write([]) })).toEqual([]);
  });
});

/** Two's complement, most significant byte first. */
function fromBytes(bytes: Uint8Array): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

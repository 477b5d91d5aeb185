/** The pages that list what code declares must list exactly that. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { AGGREGATOR_FIELDS } from '@tidemark/aggregator';
import { ERROR_CODES } from '@tidemark/core';
import { GATEWAY_FIELDS } from '@tidemark/gateway';
import { INGEST_FIELDS } from '@tidemark/ingest';
import type { ConfigField } from '@tidemark/runtime';
import { SHARED_FIELDS } from '@tidemark/runtime';
import { STANDALONE_FIELDS } from './config.ts';

const DOCS = path.resolve(import.meta.dirname, '../../../docs');

type Fields = Readonly<Record<string, ConfigField<unknown>>>;

/** The rows of all tables of a page whose first cell is code, in order. */
function rowsOf(page: string): string[] {
  return readFileSync(path.join(DOCS, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.replace(/\s*\|\s*/g, ' | ').trim());
}

function fieldRow({ name, description, fallback }: ConfigField<unknown>): string {
  const shown =
    fallback === undefined
      ? 'required'
      : fallback === null
        ? 'none'
        : JSON.stringify(fallback).replaceAll('"', '');
  return `| \`${name}\` | ${description} | ${shown} |`;
}

describe('the documentation', () => {
  it('lists every variable of every service, as it is', () => {
    const shared = new Set<string>(Object.values(SHARED_FIELDS).map(({ name }) => name));
    const own = (fields: Fields) => Object.values(fields).filter(({ name }) => !shared.has(name));
    const rows = [
      ...Object.values(SHARED_FIELDS),
      ...[STANDALONE_FIELDS, INGEST_FIELDS, AGGREGATOR_FIELDS, GATEWAY_FIELDS].flatMap(own),
    ].map(fieldRow);
    const documented = rowsOf('operations.md').filter(
      (row) => row.startsWith('| `TIDEMARK_') && !row.startsWith('| `TIDEMARK_TEST_'),
    );
    expect(documented.toSorted()).toEqual([...new Set(rows)].toSorted());
  });

  it('lists every error code with its status and whether a retry may help', () => {
    const rows = Object.entries(ERROR_CODES).map(
      ([code, { status, retryable, title }]) =>
        `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${title} |`,
    );
    expect(rowsOf('errors.md').toSorted()).toEqual(rows.toSorted());
  });
});

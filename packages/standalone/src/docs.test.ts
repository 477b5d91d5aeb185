/** The pages that list what code declares must list exactly that, and what pages name must be there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { AGGREGATOR_FIELDS } from '@tidemark/aggregator';
import { ERROR_CODES } from '@tidemark/core';
import { GATEWAY_FIELDS } from '@tidemark/gateway';
import { INGEST_FIELDS } from '@tidemark/ingest';
import type { ConfigField } from '@tidemark/runtime';
import { SHARED_FIELDS } from '@tidemark/runtime';
import { STANDALONE_FIELDS } from './config.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const DOCS = path.join(ROOT, 'docs');

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

  it('cites tests that there are, by file and title', () => {
    const cited = [
      ...readFileSync(path.join(DOCS, 'features.md'), 'utf8').matchAll(/`([\w./-]+\.ts)` “([^”]+)”/g),
    ].map(([, file = '', title = '']) => ({ file, title }));
    expect(cited.length).toBeGreaterThan(0);
    expect(cited.filter(({ file, title }) => !hasTest(file, title))).toEqual([]);
  });

  it('shows a test of every feature, or says that it is not there yet', () => {
    const rows = readFileSync(path.join(DOCS, 'features.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| what ') && !line.startsWith('| ---'));
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((row) => !row.includes('”') && !row.includes('Not there yet'))).toEqual([]);
  });

  it('links pages that there are', () => {
    const pages = [path.join(ROOT, 'README.md'), path.join(ROOT, 'CHANGELOG.md'), ...pagesUnder(DOCS)];
    const dead = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map(([, link = '']) => path.resolve(path.dirname(page), link))
        .filter((target) => !existsSync(target))
        .map((target) => `${path.relative(ROOT, page)}: ${path.relative(ROOT, target)}`),
    );
    expect(dead).toEqual([]);
  });
});

/** A title is the first thing that a test is given, as a text of its own. */
function hasTest(file: string, title: string): boolean {
  const place = path.join(ROOT, file);
  if (!existsSync(place)) return false;
  const source = readFileSync(place, 'utf8');
  return [`'${title}',`, `"${title}",`, `\`${title}\`,`].some((text) => source.includes(text));
}

function pagesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(folder, name));
}

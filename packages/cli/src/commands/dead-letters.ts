import { readFile } from 'node:fs/promises';
import type { CliContext } from '../context.ts';
import { CliFault, EXIT_FOUND, EXIT_OK, usageFault } from '../fault.ts';
import { asCount, asList, connect, type Server } from '../http/server.ts';
import { formatTable, printable, toCell } from '../table.ts';
import { messageOf } from '../thrown.ts';

const PATH = '/api/v1/dead-letters';
const NO_LETTERS = 'no dead letters\n';
const DETAIL_SHOWN_MAX = 80;
const REFUSED_SHOWN_MAX = 20;

/** The filters of the command line; the server checks what they mean. */
export interface LetterFilters {
  readonly code?: string;
  readonly type?: string;
  readonly from?: string;
  readonly to?: string;
  readonly contains?: string;
}

export interface ListLettersOptions extends LetterFilters {
  readonly state?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly summary: boolean;
  /** Letters that do not say whose they are. */
  readonly nobody: boolean;
  readonly json: boolean;
}

export async function runLettersList(context: CliContext, options: ListLettersOptions): Promise<number> {
  const server = connect(context);
  const filters = { ...filtersOf(options), state: options.state, ...scopeOf(options) };
  const answer = options.summary
    ? await server.get(`${PATH}/summary`, filters)
    : await server.get(PATH, { ...filters, limit: options.limit, cursor: options.cursor });
  if (options.json) context.stdout.write(`${JSON.stringify(answer)}\n`);
  else context.stdout.write(options.summary ? formatSummary(answer) : formatLetters(answer));
  return EXIT_OK;
}

function formatSummary(answer: Readonly<Record<string, unknown>>): string {
  const rows = asList(answer['counts'], 'counts').map(({ code, state, letters }) => [
    toCell(code),
    toCell(state),
    toCell(letters),
  ]);
  return rows.length === 0
    ? NO_LETTERS
    : formatTable(['code', 'state', 'letters'], rows, (column) => column === 2);
}

function formatLetters(answer: Readonly<Record<string, unknown>>): string {
  const rows = asList(answer['deadLetters'], 'dead letters').map((letter) => [
    ...['id', 'arrivedAt', 'state', 'code', 'eventType', 'eventId'].map((name) => toCell(letter[name])),
    toCell(letter['detail']).slice(0, DETAIL_SHOWN_MAX),
  ]);
  const table =
    rows.length === 0
      ? NO_LETTERS
      : formatTable(['id', 'arrived', 'state', 'code', 'type', 'event id', 'detail'], rows);
  const cursor = answer['cursor'];
  return typeof cursor === 'string' ? `${table}\nmore with --cursor ${printable(cursor)}\n` : table;
}

export interface ShowLetterOptions {
  /** Its event alone, to be mended in a file. */
  readonly event: boolean;
  readonly nobody: boolean;
}

export async function runLettersShow(
  context: CliContext,
  id: string,
  options: ShowLetterOptions,
): Promise<number> {
  const letter = await connect(context).get(pathOf(id), scopeOf(options));
  if (options.event && letter['event'] === undefined) {
    throw new CliFault(`the letter ${id} holds no JSON text: its bytes are in valueBase64`, EXIT_FOUND);
  }
  context.stdout.write(`${JSON.stringify(options.event ? letter['event'] : letter, null, 2)}\n`);
  return EXIT_OK;
}

export interface ReplayOptions extends LetterFilters {
  /** A file with the mended event. */
  readonly event?: string;
  /** Every open letter that matches, instead of one. */
  readonly all: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export async function runLettersReplay(
  context: CliContext,
  id: string | undefined,
  options: ReplayOptions,
): Promise<number> {
  const filters = filtersOf(options);
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  if (options.all) {
    if (id !== undefined || options.event !== undefined) {
      throw usageFault('--all replays letters as they are: it takes neither an id nor --event');
    }
    return replayAll(context, filters, options);
  }
  if (id === undefined) throw usageFault('expected the id of a letter, or --all');
  if (isFiltered) throw usageFault('filters belong to --all');
  const body = options.event === undefined ? undefined : { event: await readEvent(options.event) };
  const answer = await connect(context).post(`${pathOf(id)}/replay`, body);
  const text = `${printable(id)} is replayed (attempt ${toCell(answer['attempt'])})`;
  context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${text}\n`);
  return EXIT_OK;
}

async function replayAll(
  context: CliContext,
  filters: LetterFilters,
  { yes, json }: ReplayOptions,
): Promise<number> {
  const server = connect(context);
  if (!yes) throw usageFault(`${await countOpen(server, filters)} open letters match; --yes replays them`);
  let replayed = 0;
  const refused: Readonly<Record<string, unknown>>[] = [];
  let cursor: unknown;
  do {
    context.signal.throwIfAborted();
    const body = { ...filters, ...(typeof cursor === 'string' ? { cursor } : {}) };
    const answer = await server.post(`${PATH}/replay`, body);
    replayed += asCount(answer['replayed'], 'replayed letters');
    refused.push(...asList(answer['refused'], 'refused letters'));
    cursor = answer['cursor'];
  } while (typeof cursor === 'string');
  if (json) context.stdout.write(`${JSON.stringify({ replayed, refused })}\n`);
  else context.stdout.write(`${replayed} replayed, ${refused.length} refused\n`);
  for (const { id, code, detail } of refused.slice(0, REFUSED_SHOWN_MAX)) {
    context.stderr.write(`${toCell(id)} ${toCell(code)}: ${toCell(detail)}\n`);
  }
  const more = refused.length - REFUSED_SHOWN_MAX;
  if (more > 0) context.stderr.write(`… and ${more} more\n`);
  if (replayed + refused.length === 0) context.stderr.write('no open letter matches: nothing was replayed\n');
  return replayed > 0 && refused.length === 0 ? EXIT_OK : EXIT_FOUND;
}

async function countOpen(server: Server, filters: LetterFilters): Promise<number> {
  const answer = await server.get(`${PATH}/summary`, { ...filters, state: 'open' });
  return asCount(answer['total'], 'letters');
}

export async function runLettersDiscard(
  context: CliContext,
  id: string,
  options: { readonly nobody: boolean; readonly json: boolean },
): Promise<number> {
  await connect(context).post(`${pathOf(id)}/discard`, undefined, scopeOf(options));
  const text = options.json ? JSON.stringify({ id, discarded: true }) : `${printable(id)} is discarded`;
  context.stdout.write(`${text}\n`);
  return EXIT_OK;
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

function scopeOf({ nobody }: { readonly nobody: boolean }): { readonly organization?: 'none' } {
  return nobody ? { organization: 'none' } : {};
}

function filtersOf({ code, type, from, to, contains }: LetterFilters) {
  return Object.fromEntries(
    Object.entries({ code, type, from, to, contains }).filter(([, value]) => value !== undefined),
  );
}

async function readEvent(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw usageFault(`--event ${file} cannot be read: ${messageOf(error)}`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw usageFault(`--event ${file} is not JSON: ${messageOf(error)}`);
  }
}

/** Raw as it lies in the warehouse, page by page. */
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { DEAD_LETTERS_TABLE, EVENTS_TABLE, type WarehouseExecutor } from '@tidemark/warehouse';
import { contentOfRow, type SaidInRaw } from './content.ts';
import type { EventName } from './slots.ts';

const PAGE_OFFSETS = 20_000;
const PAGE_TIMEOUT_MS = 120_000;
const COUNT_TIMEOUT_MS = 5_000;

export interface StoredRow {
  readonly organization: string;
  readonly source: string;
  readonly id: string;
  /** Of event time, since the epoch. */
  readonly minute: number;
  /** Text of `data.prompt_tokens`. */
  readonly tokens: string;
  /** See `contentOfRow`; null when it was not read. */
  readonly content: number | null;
  readonly partition: number;
  readonly offset: number;
}

/** How many rows raw has, whatever their coordinates are. */
export async function countStoredRows(warehouse: Pick<WarehouseExecutor, 'query'>): Promise<number> {
  const [row] = await warehouse.query<{ rows: string }>({
    sql: `SELECT count() AS rows FROM ${EVENTS_TABLE}`,
    timeoutMs: PAGE_TIMEOUT_MS,
  });
  return Number(row?.rows ?? 0);
}

type SelectedRow = Record<Exclude<keyof StoredRow, 'content'>, string | number>;
type SelectedContent = SaidInRaw & { readonly dataText: string };

const CONTENT_COLUMNS =
  'toString(type) AS type, subject, toString(time) AS time, extensions, toJSONString(data) AS dataText,';

/** @param endOffset no partition of the log has reached further */
export async function* readStoredRows(
  warehouse: Pick<WarehouseExecutor, 'query'>,
  { endOffset, withContent }: { readonly endOffset: number; readonly withContent: boolean },
): AsyncGenerator<readonly StoredRow[]> {
  for (let from = 0; from < endOffset; from += PAGE_OFFSETS) {
    const rows = await warehouse.query<SelectedRow & Partial<SelectedContent>>({
      sql: `SELECT ${withContent ? CONTENT_COLUMNS : ''}
                   toString(organization) AS organization, toString(source) AS source, id,
                   intDiv(toUnixTimestamp(events.time), 60) AS minute, toString(data.prompt_tokens) AS tokens,
                   bus_partition AS partition, bus_offset AS offset
            FROM ${EVENTS_TABLE} AS events
            WHERE bus_topic = {topic:String} AND bus_offset >= {from:UInt64} AND bus_offset < {to:UInt64}`,
      parameters: { topic: EVENTS_TOPIC, from, to: from + PAGE_OFFSETS },
      // Whole numbers of `data` as numbers: none is beyond 2^53.
      settings: { output_format_json_quote_64bit_integers: 0 },
      timeoutMs: PAGE_TIMEOUT_MS,
    });
    yield rows.map((row) => ({
      organization: String(row.organization),
      source: String(row.source),
      id: String(row.id),
      minute: Number(row.minute),
      tokens: String(row.tokens),
      content: contentOf(row),
      partition: Number(row.partition),
      offset: Number(row.offset),
    }));
  }
}

function contentOf({ type, subject, time, extensions, dataText }: Partial<SelectedContent>): number | null {
  if (type === undefined || subject === undefined || time === undefined) return null;
  return contentOfRow({
    type,
    subject,
    time,
    extensions: extensions ?? {},
    data: JSON.parse(dataText ?? '{}'),
  });
}

/** How many rows raw has of the event. */
export async function countRowsOf(
  warehouse: Pick<WarehouseExecutor, 'query'>,
  { organization, source, id }: EventName,
): Promise<number> {
  const [row] = await warehouse.query<{ rows: string }>({
    sql: `SELECT count() AS rows FROM ${EVENTS_TABLE}
          WHERE organization = {organization:String} AND source = {source:String} AND id = {id:String}`,
    parameters: { organization, source, id },
    timeoutMs: COUNT_TIMEOUT_MS,
  });
  return Number(row?.rows ?? 0);
}

export interface StoredLetterCount {
  /** '' for letters that do not say whose they are. */
  readonly organization: string;
  readonly id: string;
  readonly copies: number;
}

/** Every dead letter, and how often it is in the store. */
export async function readStoredLetters(
  warehouse: Pick<WarehouseExecutor, 'query'>,
): Promise<readonly StoredLetterCount[]> {
  const rows = await warehouse.query<Record<keyof StoredLetterCount, string>>({
    sql: `SELECT toString(organization) AS organization, id, count() AS copies
          FROM ${DEAD_LETTERS_TABLE} FINAL GROUP BY organization, id`,
    timeoutMs: PAGE_TIMEOUT_MS,
  });
  return rows.map((row) => ({ ...row, copies: Number(row.copies) }));
}

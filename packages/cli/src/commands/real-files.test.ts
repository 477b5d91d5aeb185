import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PACKS } from '@tidemark/packs';
import { createEventIds } from '../import/event-id.ts';
import { compileMapping, findMapping, type OutgoingEvent } from '../import/mapping.ts';
import { readRecords } from '../import/record-reader.ts';
import { openSourceFile } from '../import/source-file.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../../../..');
const DATA = process.env['TIDEMARK_SHARED_DATA'] ?? path.resolve(REPOSITORY, '../shared/data');
const hasData = existsSync(DATA);

async function eventsOf(
  key: string,
  file: string,
  settings: Readonly<Record<string, string>>,
): Promise<OutgoingEvent[]> {
  const compiled = compileMapping(findMapping(PACKS, key), new Map(Object.entries(settings)));
  const source = await openSourceFile(path.join(DATA, file));
  const events: OutgoingEvent[] = [];
  let idOf: ReturnType<typeof createEventIds> | null = null;
  for await (const records of readRecords(
    source.read(() => {}),
    compiled.mapping,
    compiled.columns,
  )) {
    for (const record of records) {
      idOf ??= createEventIds(compiled, record.text);
      const event = compiled.toEvent(record, idOf(record));
      if (typeof event === 'string') throw new Error(`${file}:${record.line}: ${event}`);
      events.push(event);
    }
  }
  return events;
}

function sum(events: readonly OutgoingEvent[], field: string): number {
  return events.reduce((total, { data }) => total + Number(data[field] ?? 0), 0);
}

function countBy(
  events: readonly OutgoingEvent[],
  keyOf: (event: OutgoingEvent) => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) counts[keyOf(event)] = (counts[keyOf(event)] ?? 0) + 1;
  return counts;
}

/** Real traces are not part of the repository: without them these tests are reported as skipped. */
const whereThereIsData = hasData ? describe : describe.skip;

whereThereIsData(
  `the real files (${hasData ? 'found' : 'SKIPPED: set TIDEMARK_SHARED_DATA to their folder'})`,
  () => {
    it.each([
      ['code', 8_819, 18_059_974, 245_896],
      ['conv', 19_366, 22_361_870, 4_088_665],
    ])(
      'the Azure trace %s gives %i events with the published sums',
      async (service, count, prompt, completion) => {
        const file = `azure-llm-2023/AzureLLMInferenceTrace_${service}.csv`;
        const events = await eventsOf('llm.azure-trace', file, { service });
        expect(events).toHaveLength(count);
        expect(new Set(events.map(({ id }) => id)).size).toBe(count);
        expect(sum(events, 'prompt_tokens')).toBe(prompt);
        expect(sum(events, 'completion_tokens')).toBe(completion);
        for (const { time, data } of events) {
          expect(time).toMatch(/^2023-11-16T1[89]:\d\d:\d\d\.\d{7}Z$/);
          expect(data['service']).toBe(service);
        }
      },
    );

    it('the access log gives 10,000 events, exact copies included', async () => {
      const events = await eventsOf('http.combined-log', 'elastic-apache-access/apache_logs', {});
      expect(events).toHaveLength(10_000);
      expect(new Set(events.map(({ id }) => id)).size).toBe(10_000);
      const contents = new Set(events.map(({ time, data }) => JSON.stringify([time, data])));
      expect(contents.size).toBe(9_981);
      expect(countBy(events, ({ data }) => JSON.stringify(data['status']))).toEqual({
        '200': 9_126,
        '304': 445,
        '404': 213,
        '301': 164,
        '206': 45,
        '500': 3,
        '403': 2,
        '416': 2,
      });
      expect(new Set(events.map(({ data }) => data['client'])).size).toBe(1_753);
      expect(Object.values(countBy(events, ({ time }) => time.slice(0, 10)))).toEqual([
        1_632, 2_893, 2_896, 2_579,
      ]);
      expect(events.filter(({ data }) => data['method'] === undefined || data['bytes'] === '')).toEqual([]);
    });

    it('the log of messages gives an event for each line', async () => {
      const events = await eventsOf('messaging.message-log', 'collegemsg/CollegeMsg.txt', { channel: 'web' });
      expect(events).toHaveLength(59_835);
      expect(new Set(events.map(({ id }) => id)).size).toBe(59_835);
      expect(new Set(events.map(({ data }) => data['account'])).size).toBe(1_350);
      expect(new Set(events.map(({ data }) => data['recipient'])).size).toBe(1_862);
      expect(events[0]).toMatchObject({
        type: 'message.submitted',
        time: '2004-04-15T14:56:01Z',
        data: { account: '1', recipient: '2', channel: 'web' },
      });
      expect(events.at(-1)?.time).toBe('2004-10-26T07:52:22Z');
    });

    it('the log of the help desk gives an event for each activity, and 4,580 tickets', async () => {
      const events = await eventsOf('support.helpdesk-log', 'helpdesk-italian/finale.csv', {});
      expect(countBy(events, ({ type }) => type)).toEqual({
        'ticket.created': 118 + 4_938,
        'ticket.responded': 5_060,
        'ticket.resolved': 4_983 + 2,
        'ticket.updated': 4_574 + 1_463 + 119 + 67 + 13 + 5 + 3 + 2 + 1,
      });
      expect(new Set(events.map(({ data }) => data['ticket'])).size).toBe(4_580);
      expect(countBy(events, ({ data }) => data['status'] as string)).toEqual({
        new: 118 + 4_938,
        'in progress': 5_060 + 5 + 13,
        waiting: 1_463 + 119 + 67,
        resolved: 4_983 + 2,
        closed: 4_574,
        VERIFIED: 3,
        INVALID: 2,
        DUPLICATE: 1,
      });
      expect(events[0]).toMatchObject({
        time: '2012-10-09T14:50:17.000Z',
        type: 'ticket.created',
        data: { ticket: 'Case 1', status: 'new', priority: 'Value 1', assignee: 'Value 1' },
      });
    });
  },
);

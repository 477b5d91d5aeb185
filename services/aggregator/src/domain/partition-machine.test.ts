import { describe, expect, it } from '@jest/globals';
import { evolve, initialState, nextCommand, tallyOf } from './partition-machine.ts';
import type { Command, Outcome, State } from './partition-machine.ts';
import { eventRecord, NOON_MS, poisonRecord } from './testing.ts';

const RECOVERED: Outcome = {
  kind: 'recovered',
  nextOffset: 0,
  storedThrough: 0,
  endOffset: 1_000,
  isSameLog: true,
  unmarked: [],
};

/** Plays outcomes one after another and returns the commands that were asked for, and the last state. */
function play(
  outcomes: readonly Outcome[],
  from: State = initialState,
): { commands: Command['kind'][]; state: State } {
  const commands: Command['kind'][] = [];
  let state = from;
  for (const outcome of outcomes) {
    commands.push(nextCommand(state).kind);
    state = evolve(state, outcome);
  }
  return { commands, state };
}

const records = (...list: ReturnType<typeof eventRecord>[]): Outcome => ({ kind: 'records', records: list });
const NONE_STORED: Outcome = { kind: 'stored-found', keys: new Set() };

describe('the partition machine', () => {
  it('stores, marks, announces and commits a batch, in this order', () => {
    const { commands, state } = play([
      RECOVERED,
      records(eventRecord(0), eventRecord(1)),
      NONE_STORED,
      { kind: 'inserted' },
      { kind: 'marked' },
      { kind: 'announced' },
    ]);
    expect(commands).toEqual(['recover', 'read', 'find-stored', 'insert', 'mark', 'announce']);
    expect(nextCommand(state)).toEqual({ kind: 'commit', offset: 2 });
    expect(tallyOf(state)).toEqual({
      stored: 2,
      duplicate: 0,
      dead: 0,
      nextOffset: 2,
      arrivedThroughMs: NOON_MS,
    });
    expect(nextCommand(evolve(state, { kind: 'committed' }))).toEqual({ kind: 'read' });
  });

  it('marks and commits what was stored before a crash, and reads on behind it', () => {
    const unmarked = [{ organization: 'acme' as never, minuteMs: NOON_MS }];
    const { state } = play([
      { kind: 'recovered', nextOffset: 10, storedThrough: 15, endOffset: 20, isSameLog: true, unmarked },
    ]);
    expect(nextCommand(state)).toEqual({ kind: 'mark', minutes: unmarked });
    const after = play([{ kind: 'marked' }, { kind: 'announced' }], state);
    expect(nextCommand(after.state)).toEqual({ kind: 'commit', offset: 15 });
  });

  it('reads again what is committed but not in raw, and stops when raw is ahead of the log', () => {
    const behind = play([
      { kind: 'recovered', nextOffset: 10, storedThrough: 5, endOffset: 20, isSameLog: true, unmarked: [] },
    ]);
    expect(nextCommand(behind.state)).toEqual({ kind: 'read' });
    const ahead = play([
      { kind: 'recovered', nextOffset: 10, storedThrough: 21, endOffset: 20, isSameLog: true, unmarked: [] },
    ]);
    expect(nextCommand(ahead.state)).toMatchObject({
      kind: 'halt',
      reason: expect.stringContaining('ends at 20'),
    });
  });

  it('drops copies of stored events and inserts nothing when there is nothing new', () => {
    const { commands, state } = play([
      RECOVERED,
      records(eventRecord(0, { id: 'a' }), eventRecord(1, { id: 'a' })),
      { kind: 'stored-found', keys: new Set([JSON.stringify(['acme', 'tests', 'a'])]) },
      { kind: 'marked' },
      { kind: 'announced' },
    ]);
    expect(commands).toEqual(['recover', 'read', 'find-stored', 'mark', 'announce']);
    expect(tallyOf(state)).toMatchObject({ stored: 0, duplicate: 2, nextOffset: 2 });
  });

  it('buries what is unreadable before it stores the rest', () => {
    const { commands, state } = play([
      RECOVERED,
      records(eventRecord(0), poisonRecord(1), eventRecord(2)),
      NONE_STORED,
      { kind: 'buried' },
      { kind: 'inserted' },
      { kind: 'marked' },
      { kind: 'announced' },
    ]);
    expect(commands.slice(2)).toEqual(['find-stored', 'bury', 'insert', 'mark', 'announce']);
    expect(tallyOf(state)).toMatchObject({ stored: 2, dead: 1, nextOffset: 3 });
  });

  it('reads back when an insert is in doubt: landed means done', () => {
    const doubt = play([
      RECOVERED,
      records(eventRecord(0), eventRecord(1)),
      NONE_STORED,
      { kind: 'insert-in-doubt' },
    ]);
    expect(nextCommand(doubt.state)).toEqual({ kind: 'verify', from: 0, to: 1 });
    expect(nextCommand(evolve(doubt.state, { kind: 'verified', rowCount: 2 })).kind).toBe('mark');
  });

  it('inserts again when nothing landed, and stops when only a part did', () => {
    const doubt = play([
      RECOVERED,
      records(eventRecord(0), eventRecord(1)),
      NONE_STORED,
      { kind: 'insert-in-doubt' },
    ]);
    expect(nextCommand(evolve(doubt.state, { kind: 'verified', rowCount: 0 }))).toMatchObject({
      kind: 'insert',
    });
    const half = nextCommand(evolve(doubt.state, { kind: 'verified', rowCount: 1 }));
    expect(half).toEqual({ kind: 'halt', reason: 'offsets 0 to 1 should hold 2 rows or none, but hold 1' });
  });

  it('finds the rows that the warehouse refuses, buries them and stores the others', () => {
    const bad = new Set([1, 4]);
    let { state } = play([
      RECOVERED,
      records(...Array.from({ length: 6 }, (_, offset) => eventRecord(offset))),
      NONE_STORED,
      { kind: 'insert-refused', detail: 'no' },
    ]);
    expect(nextCommand(state)).toEqual({ kind: 'probe-own' });
    state = evolve(state, { kind: 'probed', acceptable: true, detail: '' });
    for (let command = nextCommand(state); command.kind === 'probe'; command = nextCommand(state)) {
      const acceptable = !command.rows.some((row) => bad.has(row.offset));
      state = evolve(state, { kind: 'probed', acceptable, detail: acceptable ? '' : 'no' });
    }
    const bury = nextCommand(state);
    expect(bury.kind === 'bury' && bury.poison.map((poison) => [poison.record.offset, poison.code])).toEqual([
      [1, 'event-not-storable'],
      [4, 'event-not-storable'],
    ]);
    state = evolve(state, { kind: 'buried' });
    const insert = nextCommand(state);
    expect(insert.kind === 'insert' && insert.rows.map((row) => row.offset)).toEqual([0, 2, 3, 5]);
    const { state: end } = play([{ kind: 'inserted' }, { kind: 'marked' }, { kind: 'announced' }], state);
    expect(tallyOf(end)).toMatchObject({ stored: 4, dead: 2, nextOffset: 6 });
  });

  it('stops rather than bury what is not at fault', () => {
    const unreadable = play([
      RECOVERED,
      records(...Array.from({ length: 100 }, (_, offset) => poisonRecord(offset))),
    ]);
    expect(nextCommand(unreadable.state).kind).toBe('halt');

    const refused = play([
      RECOVERED,
      records(eventRecord(0)),
      NONE_STORED,
      { kind: 'insert-refused', detail: 'no such column' },
      { kind: 'probed', acceptable: false, detail: 'no such column' },
    ]);
    expect(nextCommand(refused.state)).toEqual({
      kind: 'halt',
      reason: 'the warehouse refuses every row (no such column)',
    });
  });

  it('keeps the records of the next day for the next batch', () => {
    const midnight = Date.UTC(2026, 0, 16);
    const today = eventRecord(0, { arrivedAtMs: midnight - 1 });
    const tomorrow = eventRecord(1, { arrivedAtMs: midnight });
    const first = play([
      RECOVERED,
      records(today, tomorrow),
      NONE_STORED,
      { kind: 'inserted' },
      { kind: 'marked' },
      { kind: 'announced' },
      { kind: 'committed' },
      NONE_STORED,
    ]);
    const insert = nextCommand(first.state);
    expect(insert.kind === 'insert' && insert.rows.map((row) => row.offset)).toEqual([1]);
  });

  it('refuses an outcome that nobody asked for', () => {
    expect(() => evolve(initialState, { kind: 'committed' })).toThrow(
      'outcome committed in phase recovering',
    );
  });
});

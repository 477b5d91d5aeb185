import { describe, expect, it } from '@jest/globals';
import { evolve as evolveWithin, initialState, nextCommand, startOf } from './partition-machine.ts';
import type { State } from './partition-machine.ts';
import type { Command, Outcome, Recovered } from './partition-messages.ts';
import { eventRecord, poisonRecord } from './testing.ts';

const evolve = (state: State, outcome: Outcome) => evolveWithin(state, outcome, { unreadableRecordsMax: 99 });

const RECOVERED: Recovered = {
  kind: 'recovered',
  committed: 0,
  accountedThrough: null,
  vouchedThrough: 0,
  intent: null,
  intentRows: 0,
  storedThrough: 0,
  startOffset: 0,
  endOffset: 1_000,
  isSameLog: true,
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
const NONE_STORED: Outcome = { kind: 'stored-found', contents: new Map() };
const NONE_OWN: Outcome = { kind: 'own-found', keys: new Set() };
const keyOf = (id: string) => JSON.stringify(['acme', 'tests', id]);

function committed(through: number): readonly Outcome[] {
  return [{ kind: 'marked' }, { kind: 'announced' }, { kind: 'accounted', through }, { kind: 'committed' }];
}

function offsetsOf(command: Command): readonly number[] {
  if (command.kind !== 'insert') throw new Error(`not an insert: ${command.kind}`);
  return command.work.rows.map((row) => row.offset);
}

function reasonOf(state: State): string {
  const command = nextCommand(state);
  return command.kind === 'halt' ? command.reason : `goes on with ${command.kind}`;
}

describe('a batch', () => {
  it('is written down, inserted, marked, announced, accounted for and committed, in this order', () => {
    const { commands, state } = play([
      RECOVERED,
      records(eventRecord(0), eventRecord(1)),
      NONE_STORED,
      { kind: 'intended' },
      { kind: 'inserted' },
      ...committed(2),
    ]);
    expect(commands).toEqual([
      'recover',
      'read',
      'find-stored',
      'intend',
      'insert',
      'mark',
      'announce',
      'account',
      'commit',
    ]);
    expect(nextCommand(state)).toEqual({ kind: 'read' });
  });

  it('with nothing new needs no insert', () => {
    const { commands } = play([
      RECOVERED,
      records(eventRecord(0, { id: 'a' }), eventRecord(1, { id: 'a' })),
      { kind: 'stored-found', contents: new Map([[keyOf('a'), 7]]) },
      ...committed(2),
    ]);
    expect(commands.slice(2)).toEqual(['find-stored', 'mark', 'announce', 'account', 'commit']);
  });

  it('is stored without what is unreadable, which is buried first', () => {
    const { commands } = play([
      RECOVERED,
      records(eventRecord(0), poisonRecord(1), eventRecord(2)),
      NONE_STORED,
      { kind: 'buried' },
      { kind: 'intended' },
      { kind: 'inserted' },
    ]);
    expect(commands.slice(2)).toEqual(['find-stored', 'bury', 'intend', 'insert']);
  });

  it('ends with the day of arrival; the rest is the next one', () => {
    const midnight = Date.UTC(2026, 0, 16);
    const { state } = play([
      RECOVERED,
      records(eventRecord(0, { arrivedAtMs: midnight - 1 }), eventRecord(1, { arrivedAtMs: midnight })),
      NONE_STORED,
      { kind: 'intended' },
      { kind: 'inserted' },
      ...committed(1),
      NONE_STORED,
      { kind: 'intended' },
    ]);
    expect(offsetsOf(nextCommand(state))).toEqual([1]);
  });

  it('refuses an outcome that nobody asked for', () => {
    expect(() => evolve(initialState, { kind: 'committed' })).toThrow(
      'outcome committed in phase recovering',
    );
  });
});

describe('an insert in doubt', () => {
  const doubt = play([
    RECOVERED,
    records(eventRecord(0), eventRecord(1)),
    NONE_STORED,
    { kind: 'intended' },
    { kind: 'insert-in-doubt' },
  ]).state;
  const verified = (rowCount: number): Outcome => ({ kind: 'verified', rowCount });

  it('is done when its rows are there', () => {
    expect(nextCommand(doubt).kind).toBe('verify');
    expect(nextCommand(evolve(doubt, verified(2))).kind).toBe('mark');
  });

  it('is made again under the same token when none is, and success is not believed then', () => {
    const { commands, state } = play([verified(0), { kind: 'inserted' }], doubt);
    expect(commands).toEqual(['verify', 'insert']);
    expect(nextCommand(state).kind).toBe('verify');
    expect(nextCommand(evolve(state, verified(2))).kind).toBe('mark');
  });

  it('is made under another token when success was claimed and no row is there', () => {
    const phantoms = (command: Command) => (command.kind === 'insert' ? command.work.phantoms : null);
    let { state } = play([verified(0)], doubt);
    expect(phantoms(nextCommand(state))).toBe(0);
    state = play([{ kind: 'inserted' }, verified(0)], state).state;
    expect(phantoms(nextCommand(state))).toBe(1);
    for (let time = 0; time < 20; time += 1) state = play([{ kind: 'inserted' }, verified(0)], state).state;
    expect(reasonOf(state)).toMatch(/says 21 times that it has stored offsets 0 to 1/);
  });

  it('stops the partition when a part is there', () => {
    expect(reasonOf(evolve(doubt, verified(1)))).toMatch(/should hold 0 or 2 rows, but hold 1/);
  });
});

describe('recovery', () => {
  const start = (known: Partial<Recovered>) => startOf({ ...RECOVERED, ...known });

  it('begins where the books end, whatever the group has committed', () => {
    expect(start({ committed: 10 })).toBe(10);
    expect(start({ committed: 10, accountedThrough: 15, storedThrough: 15 })).toBe(15);
    expect(start({ committed: 0, accountedThrough: 15, storedThrough: 15 })).toBe(15);
    expect(start({ committed: 10, accountedThrough: 10, startOffset: 12 })).toBe(12);
  });

  it('begins earlier where raw lacks rows that it has held', () => {
    const lost = { committed: 10, accountedThrough: 10, storedThrough: 5, vouchedThrough: 9 };
    expect(start(lost)).toBe(5);
    expect(start({ ...lost, storedThrough: 9 })).toBe(10);
    // The last batch of what was lost has landed again, and nobody knows whether its minutes are marked.
    const intent = { from: 7, to: 9, rows: 2, present: 0 };
    expect(start({ ...lost, storedThrough: 9, intent, intentRows: 2 })).toBe(7);
  });

  it('makes the batch that was written down again, of exactly its offsets, however much is read', () => {
    const intent = { from: 10, to: 12, rows: 3, present: 0 };
    const recovered = { ...RECOVERED, committed: 10, accountedThrough: 10, intent, intentRows: 0 };
    const { commands, state } = play([
      recovered,
      records(eventRecord(10), eventRecord(11)),
      records(eventRecord(12), eventRecord(13)),
      NONE_OWN,
      NONE_STORED,
    ]);
    expect(commands).toEqual(['recover', 'read', 'read', 'find-own', 'find-stored']);
    expect(offsetsOf(nextCommand(state))).toEqual([10, 11, 12]);
    const after = play([{ kind: 'inserted' }], state);
    expect(nextCommand(after.state).kind).toBe('verify');
    const next = play([{ kind: 'verified', rowCount: 3 }, ...committed(13), NONE_STORED], after.state);
    expect(nextCommand(next.state)).toMatchObject({ kind: 'intend', intent: { from: 13, to: 13 } });
  });

  it('does not insert again what has landed, and does the rest', () => {
    const intent = { from: 10, to: 12, rows: 2, present: 0 };
    const { commands } = play([
      { ...RECOVERED, committed: 10, accountedThrough: 10, intent, intentRows: 2, storedThrough: 12 },
      records(eventRecord(10), eventRecord(11), eventRecord(12, { id: 'event-10' })),
      { kind: 'own-found', keys: new Set([keyOf('event-10'), keyOf('event-11')]) },
      NONE_STORED,
      ...committed(12),
      { kind: 'stored-found', contents: new Map([[keyOf('event-10'), 1]]) },
      ...committed(13),
    ]);
    expect(commands.filter((command) => command === 'insert' || command === 'intend')).toEqual([]);
  });

  it('stops when the log is another one, shorter than what is known, or an insert was half-written', () => {
    const stop = (known: Partial<Recovered>) => reasonOf(play([{ ...RECOVERED, ...known }]).state);
    expect(stop({ storedThrough: 5, isSameLog: false })).toMatch(/^offset 4 of the log is not the record/);
    expect(stop({ storedThrough: 21, endOffset: 20 })).toMatch(/^raw holds rows up to offset 20/);
    expect(stop({ committed: 21, endOffset: 20 })).toMatch(/^the group has committed up to offset 20/);
    expect(stop({ accountedThrough: 21, endOffset: 20 })).toMatch(/^the books are kept up to offset 20/);
    const intent = { from: 0, to: 9, rows: 10, present: 0 };
    expect(stop({ intent, intentRows: 4 })).toMatch(/should hold 0 or 10 rows, but hold 4/);
  });

  it('keeps the rest of the books when a stale owner has kept a part of them, also of a batch that is made again', () => {
    const batch: readonly Outcome[] = [
      records(eventRecord(0), eventRecord(1), eventRecord(2)),
      NONE_OWN,
      NONE_STORED,
    ];
    const stored: readonly Outcome[] = [
      { kind: 'inserted' },
      { kind: 'verified', rowCount: 3 },
      { kind: 'marked' },
      { kind: 'announced' },
    ];
    const intent = { from: 0, to: 2, rows: 3, present: 0 };
    const { state } = play([{ ...RECOVERED, intent }, ...batch, ...stored]);
    expect(nextCommand(state)).toMatchObject({ kind: 'account', from: 0 });
    const rest = evolve(state, { kind: 'accounted', through: 2 });
    expect(nextCommand(rest)).toMatchObject({ kind: 'account', from: 2 });
    expect(nextCommand(evolve(rest, { kind: 'accounted', through: 3 })).kind).toBe('commit');

    const again = play([{ ...RECOVERED, intent, accountedThrough: 1 }, ...batch, ...stored]);
    expect(nextCommand(again.state)).toMatchObject({ kind: 'account', from: 1 });
  });
});

describe('poison', () => {
  it('that only the warehouse finds is buried, and the others are written down anew', () => {
    const bad = new Set([1, 4]);
    let { state } = play([
      RECOVERED,
      records(...Array.from({ length: 6 }, (_, offset) => eventRecord(offset))),
      NONE_STORED,
      { kind: 'intended' },
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
    expect(nextCommand(state)).toEqual({
      kind: 'intend',
      intent: { from: 0, to: 5, rows: 4, present: 0 },
    });
    expect(offsetsOf(nextCommand(evolve(state, { kind: 'intended' })))).toEqual([0, 2, 3, 5]);
  });

  it('of a batch that is made again is found before what is written down of it is touched', () => {
    const intent = { from: 0, to: 1, rows: 1, present: 0 };
    const again = play([
      { ...RECOVERED, intent },
      records(eventRecord(0), eventRecord(1)),
      NONE_OWN,
      NONE_STORED,
      { kind: 'probed', acceptable: true, detail: '' },
      { kind: 'probed', acceptable: false, detail: 'no' },
      { kind: 'probed', acceptable: true, detail: '' },
      { kind: 'probed', acceptable: false, detail: 'no' },
      { kind: 'buried' },
    ]);
    const search = ['probe-own', 'probe', 'probe', 'probe', 'bury'];
    expect(again.commands.slice(4)).toEqual(search);
    expect(offsetsOf(nextCommand(again.state))).toEqual([0]);
  });

  it('of a batch that is made again may be acceptable by now: then all of it is written down', () => {
    const { state } = play([
      { ...RECOVERED, intent: { from: 0, to: 1, rows: 1, present: 0 } },
      records(eventRecord(0), eventRecord(1)),
      NONE_OWN,
      NONE_STORED,
      { kind: 'probed', acceptable: true, detail: '' },
      { kind: 'probed', acceptable: true, detail: '' },
    ]);
    expect(nextCommand(state)).toEqual({ kind: 'intend', intent: { from: 0, to: 1, rows: 2, present: 0 } });
    const refused: Outcome = { kind: 'insert-refused', detail: 'no' };
    const searched = play([{ kind: 'intended' }, refused], state).state;
    const probes = [true, false, false, true].map(
      (acceptable): Outcome => ({ kind: 'probed', acceptable, detail: 'no' }),
    );
    const { state: rest } = play([...probes, { kind: 'buried' }], searched);
    expect(nextCommand(rest)).toMatchObject({ kind: 'intend', intent: { rows: 1 } });
  });

  it('is not what is not at fault: rather the partition stops', () => {
    const unreadable = play([
      RECOVERED,
      records(...Array.from({ length: 100 }, (_, offset) => poisonRecord(offset))),
    ]);
    expect(nextCommand(unreadable.state).kind).toBe('halt');

    const refused = play([
      RECOVERED,
      records(eventRecord(0)),
      NONE_STORED,
      { kind: 'intended' },
      { kind: 'insert-refused', detail: 'no such column' },
      { kind: 'probed', acceptable: false, detail: 'no such column' },
    ]);
    expect(reasonOf(refused.state)).toBe('the warehouse refuses every row (no such column)');
  });
});

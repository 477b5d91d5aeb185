/** The test of the test: whatever is wrong with a store must be reported, and nothing else. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { LogCheck } from './check-log.ts';
import { RowCheck } from './check-rows.ts';
import { Findings, type Invariant } from './findings.ts';
import { openJournal, readJournal } from './journal.ts';
import { Oracle } from './oracle.ts';
import { planRequest } from './requests.ts';
import { describeSlot } from './slots.ts';
import type { StoredRow } from './stored-rows.ts';
import { acknowledge, BASE_MS, FRESH, listFound, SEED, storedRows } from './test-fixture.ts';

let findings: Findings;
let oracle: Oracle;
beforeEach(() => {
  findings = new Findings(() => 0);
  oracle = new Oracle();
});

function take(rows: readonly StoredRow[]): RowCheck {
  const check = new RowCheck(oracle, findings);
  for (const row of rows) check.take(row);
  return check;
}

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  if (item === undefined) throw new Error('there is none');
  return item;
};

describe('the check of rows', () => {
  beforeEach(() => acknowledge(oracle, FRESH));

  it('agrees with a right store, whatever was sent again', () => {
    acknowledge(oracle, { ...FRESH, kind: 'again' });
    acknowledge(oracle, { ...FRESH, kind: 'other-payload' });
    take(storedRows()).finish(() => false);
    expect(listFound(findings)).toEqual([]);
    expect(findings.lines().slice(0, 2)).toMatchObject([
      { invariant: 'I1', checked: storedRows().length },
      { invariant: 'I2', checked: storedRows().length },
    ]);
  });

  it('tells the same id in two organizations apart', () => {
    acknowledge(oracle, { ...FRESH, kind: 'other-organization' });
    const twins = storedRows({ ...FRESH, kind: 'other-organization' }).map((row) => ({
      ...row,
      partition: 1,
    }));
    take([...storedRows(), ...twins.slice(1)]).finish(() => false);
    expect(listFound(findings)).toEqual([['I1', 'an acknowledged event is nowhere']]);
    expect(findings.violations[0]?.evidence).toMatchObject({
      organization: first(twins).organization,
      id: first(twins).id,
    });
  });

  const CORRUPTIONS: [string, (rows: StoredRow[]) => StoredRow[], [Invariant, string][]][] = [
    ['a missing row', (rows) => rows.slice(1), [['I1', 'an acknowledged event is nowhere']]],
    [
      'a doubled row',
      (rows) => [...rows, { ...first(rows), offset: 1_000 }],
      [['I2', 'an event is stored more than once']],
    ],
    [
      'a missing row and a doubled one, so that the total is right',
      (rows) => [...rows.slice(1), { ...first(rows.slice(1)), offset: 1_000 }],
      [
        ['I2', 'an event is stored more than once'],
        ['I1', 'an acknowledged event is nowhere'],
      ],
    ],
    [
      'a row in the wrong bucket',
      ([row, ...rows]) => (row === undefined ? [] : [{ ...row, minute: row.minute + 1 }, ...rows]),
      [['I2', 'a row lies in another bucket than its event']],
    ],
    [
      'a row moved to another organization',
      ([row, ...rows]) => (row === undefined ? [] : [{ ...row, organization: 'cedar' }, ...rows]),
      [
        ['I2', 'a row of an event that was never sent'],
        ['I1', 'an acknowledged event is nowhere'],
      ],
    ],
    [
      'a later payload',
      ([row, ...rows]) => (row === undefined ? [] : [{ ...row, tokens: '1000001' }, ...rows]),
      [['I2', 'a row has another payload than was first acknowledged']],
    ],
    [
      'a row that says something else',
      ([row, ...rows]) => (row === undefined ? [] : [{ ...row, content: 1 }, ...rows]),
      [['I2', 'a row does not say what its event said']],
    ],
    [
      'a row nobody sent',
      (rows) => [...rows, { ...first(rows), id: 'f-999999', offset: 1_000 }],
      [['I2', 'a row of an event that was never sent']],
    ],
    [
      'two rows of one record',
      ([one, two, ...rows]) =>
        one === undefined || two === undefined ? [] : [one, { ...two, offset: one.offset }, ...rows],
      [['I2', 'two rows are made from one record']],
    ],
  ];

  it.each(CORRUPTIONS)('reports %s', (_what, corrupt, expected) => {
    take(corrupt(storedRows())).finish(() => false);
    expect(listFound(findings)).toEqual(expected);
  });

  it('accepts a dead letter for a row, and asks for nothing that was not acknowledged', () => {
    const refused = planRequest(SEED, { ...FRESH, batch: 4 });
    oracle.send(refused);
    const [dead, ...rows] = storedRows();
    take(rows).finish((slot) => describeSlot(slot).id === dead?.id);
    expect(listFound(findings)).toEqual([]);
  });
});

describe('the check of the log', () => {
  const event = ({ organization, source, id, content }: StoredRow) => ({
    ...{ organization, source, id },
    content: content ?? 0,
  });

  /** The events in order, and the first of them once more. */
  function log(rows: readonly StoredRow[]) {
    return [...rows, first(rows)].map((row, offset) => ({ partition: 0, offset, event: event(row) }));
  }

  function check(rows: readonly StoredRow[], records: ReturnType<typeof log>, dead: readonly number[] = []) {
    const rowCheck = take(rows);
    const logCheck = new LogCheck(findings);
    for (const record of records) logCheck.take(record, rowCheck, new Set(dead));
    return logCheck;
  }

  beforeEach(() => acknowledge(oracle, FRESH));

  it('explains rows, copies and dead letters', () => {
    const rows = storedRows();
    const poison = { partition: 0, offset: rows.length + 1, event: null };
    const result = check(rows.slice(0, -1), [...log(rows), poison] as ReturnType<typeof log>, [
      rows.length - 1,
      rows.length + 1,
    ]);
    expect(listFound(findings)).toEqual([]);
    expect(result.totals(FRESH.batch % 3)).toEqual({
      ...{ rows: rows.length - 1, copies: 1, dead: 1 },
      conflicts: 0,
    });
    expect(result.poison).toBe(1);
  });

  it('reports an offset that nothing explains', () => {
    check(storedRows().slice(1), log(storedRows()));
    // The copy of what is not stored is no copy either.
    expect(listFound(findings)).toEqual([
      ['I3', 'a record is neither a row nor a copy nor a dead letter'],
      ['I3', 'a record is neither a row nor a copy nor a dead letter'],
    ]);
  });

  it('reports a row that is made from a later copy', () => {
    const [one, ...rows] = storedRows();
    if (one === undefined) throw new Error('there is none');
    const later = { ...one, offset: rows.length + 1 };
    check([...rows, later], log(storedRows()));
    expect(listFound(findings)).toContainEqual(['I3', 'a row is made from a later copy of its event']);
  });

  it('reports a gap', () => {
    check(
      storedRows(),
      log(storedRows()).filter(({ offset }) => offset !== 1),
    );
    expect(listFound(findings)).toEqual([['I3', 'the log has a gap']]);
  });

  it('counts the copies that say something else', () => {
    const records = log(storedRows());
    const other = records.map((record, index) =>
      index < records.length - 1 ? record : { ...record, event: { ...record.event, content: 1 } },
    );
    const { copies, conflicts } = check(storedRows(), other).totals(FRESH.batch % 3);
    expect({ copies, conflicts, found: listFound(findings) }).toEqual({ copies: 1, conflicts: 1, found: [] });
  });
});

describe('the journal', () => {
  it('gives back what was acknowledged, from which every body can be made again', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-journal-'));
    try {
      const journal = await openJournal(path.join(dir, 'journal.jsonl'));
      const entries = [0, 1, 2, 3].map((batch) => ({ ...FRESH, batch, acknowledgedAtMs: BASE_MS + batch }));
      await Promise.all(entries.map((entry) => journal.append(entry)));
      await journal.close();
      const read = [];
      for await (const entry of readJournal(journal.path)) read.push(entry);
      expect(read).toEqual(entries);
      const [one] = read;
      expect(one === undefined ? [] : planRequest(SEED, one).items).toEqual(
        planRequest(SEED, { ...FRESH, batch: 0 }).items,
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '@tidemark/core';
import { organization } from '../domain/testing.ts';
import { AuditedWorld, DAY } from './testing-audit.ts';

const acme = organization('acme');
const RAW_RESIDUE = 'tidemark_ledger_raw_residue_events';
const RESIDUE = 'tidemark_ledger_residue_events';
const COPIES = 'tidemark_audit_duplicate_events';
const MISSING = 'tidemark_audit_missing_letters';

const nothing = () => undefined;

describe('the auditor', () => {
  it('is content when everything agrees, and has looked at everything', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    world.arrive(3, { partition: 1, dayMs: DAY - DAY_MS });
    await world.audit(nothing, () => world.arrive(2), nothing);
    expect([...world.messages('error'), ...world.messages('warn')]).toEqual([]);
    expect(Object.fromEntries(world.gauges)).toEqual({
      [RAW_RESIDUE]: 0,
      [RESIDUE]: 0,
      [COPIES]: 0,
      [MISSING]: 0,
      tidemark_ledger_skipped_offsets: 0,
    });
    for (const check of ['snapshot', 'raw', 'receipts', 'letters', 'rollups', 'old-copies', 'copies'])
      expect(world.counters.get(`tidemark_audit_checks_total ${check} done`)).toBe(3);
    expect(world.counters.get('tidemark_audit_checks_total retention done')).toBe(1);
  });

  it('does not count rows that are not accounted for yet', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    await world.audit(() => world.arrive(4, { isAccounted: false }));
    expect([world.gauges.get(RAW_RESIDUE), world.messages('error')]).toEqual([0, []]);
  });

  it('raises an alarm when raw holds a row twice or lacks one: once, again when it changes, and says when it ends', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    const doubled = { partition: 0, offset: 1, dayMs: DAY };
    const rows = [...world.rows];
    const residues: (number | undefined)[] = [];
    const note = () => residues.push(world.gauges.get(RAW_RESIDUE));
    await world.audit(
      () => world.rows.push(doubled),
      note,
      () => world.rows.push(doubled),
      () => {
        note();
        world.rows = rows.slice(1);
      },
      () => {
        note();
        world.rows = rows;
      },
      note,
    );
    expect(residues).toEqual([1, 2, 1, 0]);
    expect(world.messages('error')).toEqual(Array.from({ length: 3 }, () => 'the books and raw disagree'));
    expect(
      world.lines.filter(({ level }) => level === 'error').map(({ evidence }) => evidence),
    ).toMatchObject([
      [{ day: '2026-01-15', stored: 5, rows: 6 }],
      [{ stored: 5, rows: 7 }],
      [{ stored: 5, rows: 4 }],
    ]);
    expect(world.messages('info')).toContain('an alarm of the audit has ended');
  });

  it('compares everything at first, then two days, and everything again after a day; an old difference each hour until it is mended', async () => {
    const world = new AuditedWorld();
    const old = DAY - 30 * DAY_MS;
    world.arrive(5, { dayMs: old });
    const [lost, ...rest] = world.rows;
    world.rows = rest;
    const snapshots = () => world.calls.filter((call) => call.startsWith('snapshot'));
    await world.audit(
      nothing,
      () => expect(world.gauges.get(RAW_RESIDUE)).toBe(1),
      () => {
        expect(world.gauges.get(RAW_RESIDUE)).toBe(1);
        if (lost !== undefined) world.rows.push(lost);
        world.nowMs += HOUR_MS;
      },
      () => {
        expect(world.gauges.get(RAW_RESIDUE)).toBe(0);
        world.nowMs += HOUR_MS;
      },
      () => {
        world.nowMs += DAY_MS;
      },
    );
    // Of each audit: what is held to raw, then what is held to the receipts of the one before.
    expect(snapshots()).toEqual([
      'snapshot 400',
      ...['snapshot 1', 'snapshot 7'],
      ...['snapshot 400', 'snapshot 1'],
      ...['snapshot 1', 'snapshot 7'],
      ...['snapshot 399', 'snapshot 7'],
    ]);
    expect(world.calls.filter((call) => call === 'stored 1')).toHaveLength(6);
    expect(world.calls.filter((call) => call.startsWith('forget'))).toEqual(['forget 400', 'forget 399']);
  });

  it('does not forget a difference because its day has become an old one', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    world.rows.pop();
    await world.audit(
      nothing,
      () => {
        world.nowMs = DAY + 2 * DAY_MS;
        world.faults.set('stored', 'query-timeout');
      },
      () => world.faults.delete('stored'),
      nothing,
    );
    expect(world.gauges.get(RAW_RESIDUE)).toBe(1);
    expect(world.messages('error')).toHaveLength(1);
  });

  it('raises an alarm about records that the log had dropped', async () => {
    const world = new AuditedWorld();
    await world.audit(() => (world.skipped = 7), nothing);
    expect(world.gauges.get('tidemark_ledger_skipped_offsets')).toBe(7);
    expect(world.messages('error')).toEqual(['the log had dropped records before they were read']);
  });
});

describe('acknowledged events', () => {
  it('that are still in the log are not missed, however long', async () => {
    const world = new AuditedWorld();
    const late = { isStored: false, isAccounted: false };
    await world.audit(() => world.arrive(9, late), nothing, nothing, nothing);
    expect([world.gauges.get(RESIDUE), world.messages('error')]).toEqual([undefined, []]);
  });

  it('are asked for before the ends of the log, and the books only after these are reached', async () => {
    const world = new AuditedWorld();
    world.arrive(9);
    await world.audit(nothing, () => world.arrive(2), nothing);
    const relevant = world.calls.filter((call) => /^(?:snapshot|days|bounds|stored|progress)/.test(call));
    expect(relevant).toEqual([
      ...['snapshot 400', 'stored 1', 'stored 1', 'days', 'bounds', 'progress', 'days'],
      // The rows of one partition that have come since the sample.
      ...['snapshot 1', 'stored 2', 'snapshot 7', 'stored 1', 'days', 'bounds', 'progress', 'days'],
      ...['snapshot 1', 'stored 2', 'snapshot 1', 'days', 'bounds', 'progress', 'days'],
    ]);
  });

  it('that are nowhere raise an alarm when two audits in a row find it so, until the day is looked at no more', async () => {
    const world = new AuditedWorld();
    world.arrive(9);
    const seen: unknown[] = [];
    const note = () => seen.push([world.gauges.get(RESIDUE), world.messages('error').length]);
    const aDayLater = () => {
      note();
      world.nowMs += DAY_MS;
    };
    await world.audit(
      () => world.acknowledge(4),
      note,
      note,
      ...Array.from({ length: 8 }, () => aDayLater),
      note,
      note,
    );
    expect(seen).toEqual([
      [undefined, 0],
      [4, 0],
      [4, 1],
      // Once more when the day is over and the figure is exact.
      ...Array.from({ length: 8 }, () => [4, 2]),
      [0, 2],
    ]);
    expect(new Set(world.messages('error'))).toEqual(new Set(['acknowledged events are nowhere']));
    expect(world.lines).toContainEqual(
      expect.objectContaining({
        evidence: [{ organization: 'acme', day: '2026-01-15', acknowledged: 13, settled: 9, residue: 4 }],
      }),
    );
  });

  it('that were written down late are looked for on their day, within an hour', async () => {
    const world = new AuditedWorld();
    world.arrive(9);
    await world.audit(
      nothing,
      () => {
        world.nowMs += 3 * DAY_MS;
      },
      () => world.acknowledge(4),
      nothing,
      () => {
        expect(world.gauges.get(RESIDUE)).toBe(0);
        world.nowMs += HOUR_MS;
      },
      nothing,
      nothing,
    );
    expect([world.gauges.get(RESIDUE), world.messages('error').length]).toEqual([4, 1]);
  });
});

describe('acknowledged events among steady traffic', () => {
  const PER_SECOND = 100;
  const PER_MINUTE = 60 * PER_SECOND;
  /** Published, stored, and not written down as acknowledged before the next audit: the last second. */
  const steady = (world: AuditedWorld, dayMs = DAY) => {
    world.arrive(PER_MINUTE, { dayMs, isAcknowledged: false, partition: world.end[0] === 0 ? 0 : 1 });
    const isFirst = world.receipts.every((receipt) => receipt.dayMs !== dayMs);
    world.acknowledge(isFirst ? PER_MINUTE - PER_SECOND : PER_MINUTE, dayMs);
  };
  const alarms = (world: AuditedWorld) =>
    world.messages('error').filter((message) => message === 'acknowledged events are nowhere');

  it('raise an alarm within two audits when the log has lost 5,000', async () => {
    const world = new AuditedWorld();
    const minute = () => steady(world);
    await world.audit(
      minute,
      minute,
      () => {
        minute();
        world.acknowledge(5_000);
      },
      minute,
      minute,
      minute,
      minute,
    );
    expect(alarms(world)).toHaveLength(1);
    // The second of traffic that is published and not written down yet hides as many.
    expect(world.gauges.get(RESIDUE)).toBe(5_000 - PER_SECOND);
  });

  it('raise it when the day is over if there are fewer than a second of traffic hides, to the last event', async () => {
    const world = new AuditedWorld();
    const tomorrow = () => {
      if (world.nowMs < DAY + DAY_MS) world.nowMs = DAY + DAY_MS + HOUR_MS;
      steady(world, DAY + DAY_MS);
    };
    await world.audit(
      () => steady(world),
      () => {
        steady(world);
        world.acknowledge(7);
      },
      () => steady(world),
      () => steady(world),
      () => {
        expect([world.gauges.get(RESIDUE), alarms(world)]).toEqual([0, []]);
        // The second that was not written down yet.
        world.acknowledge(PER_SECOND);
        tomorrow();
      },
      tomorrow,
      tomorrow,
      tomorrow,
    );
    expect([world.gauges.get(RESIDUE), alarms(world).length]).toEqual([7, 1]);
  });

  it('raise none while none is lost: not behind a backlog, nor without what a killed ingest had counted', async () => {
    const world = new AuditedWorld();
    const residues = new Set<number | undefined>();
    const unsettled = () => {
      world.arrive(PER_MINUTE, { isAccounted: false });
      residues.add(world.gauges.get(RESIDUE));
    };
    const killed = () => {
      world.arrive(PER_MINUTE, { isAcknowledged: false, partition: 1 });
      world.acknowledge(PER_MINUTE - 3 * PER_SECOND);
      residues.add(world.gauges.get(RESIDUE));
    };
    await world.audit(
      () => steady(world),
      () => steady(world),
      ...[unsettled, unsettled, unsettled],
      () => world.account(3 * PER_MINUTE),
      ...[killed, killed, () => steady(world), () => steady(world)],
    );
    expect([...residues, world.gauges.get(RESIDUE)]).toEqual([0, 0]);
    expect(world.messages('error')).toEqual([]);
  });

  it('raise none when ingest writes hours of them down at once', async () => {
    const world = new AuditedWorld();
    const residues = new Set<number | undefined>();
    const uncounted = () => {
      world.arrive(PER_MINUTE, { isAcknowledged: false, partition: 1 });
      residues.add(world.gauges.get(RESIDUE));
    };
    await world.audit(
      () => steady(world),
      ...[uncounted, uncounted, uncounted],
      () => world.acknowledge(3 * PER_MINUTE),
      uncounted,
      uncounted,
      () => world.acknowledge(2 * PER_MINUTE),
      ...[uncounted, uncounted],
    );
    expect([...residues]).toEqual([undefined, 0]);
    expect(world.messages('error')).toEqual([]);
  });
});

describe('dead letters', () => {
  const alarms = (world: AuditedWorld) =>
    world.messages('error').filter((message) => message === 'dead letters are missing');

  it('are all found, and not asked for where nothing is dead', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    await world.audit(
      nothing,
      nothing,
      () => {
        expect(world.calls).not.toContain('letters');
        world.bury(3);
      },
      () => world.bury(2, { partition: 1 }),
      nothing,
    );
    expect(world.calls.filter((call) => call === 'letters')).toHaveLength(3);
    expect([world.gauges.get(MISSING), world.messages('error')]).toEqual([0, []]);
  });

  it('are not missed while the keeper has not read them, and are when it has', async () => {
    const world = new AuditedWorld();
    await world.audit(
      () => world.bury(3, { isKept: false, isRead: false }),
      () => world.bury(2, { isRead: false }),
      () => {
        expect([world.gauges.get(MISSING), world.messages('error')]).toEqual([undefined, []]);
        world.letterTopic.read = 3;
      },
    );
    expect([world.gauges.get(MISSING), alarms(world).length]).toEqual([3, 1]);
    expect(world.lines).toContainEqual(
      expect.objectContaining({
        evidence: [{ day: '2026-01-15', partition: 0, organization: 'acme', dead: 3, kept: 0 }],
      }),
    );
  });

  it('are not made up for by letters that are there before their account', async () => {
    const world = new AuditedWorld();
    await world.audit(
      () => world.bury(3),
      () => {
        world.letters.shift();
        const offsets = [10, 11, 12].map((offset) => ({ partition: 0, offset, dayMs: DAY }));
        world.letters.push(...offsets);
      },
    );
    expect([world.gauges.get(MISSING), alarms(world).length]).toEqual([1, 1]);
  });

  it('of old days are looked for once a day, and hourly while some are missing; not longer than they are kept', async () => {
    const world = new AuditedWorld();
    world.bury(2, { dayMs: DAY - 29 * DAY_MS, isKept: false });
    world.bury(4, { dayMs: DAY - 20 * DAY_MS });
    const kept = world.letters;
    const seen: (number | undefined)[] = [];
    const note = () => seen.push(world.gauges.get(MISSING));
    await world.audit(
      nothing,
      () => {
        note();
        world.letters = kept.slice(1);
      },
      () => {
        note();
        world.nowMs += DAY_MS;
      },
      () => {
        note();
        world.letters = kept;
      },
      () => {
        note();
        world.nowMs += HOUR_MS;
      },
      note,
    );
    expect(seen).toEqual([0, 0, 1, 1, 0]);
    expect(alarms(world)).toHaveLength(1);
  });
});

describe('the audit of rollups', () => {
  it('looks at an hour of minutes, a day of quarters and the day, as far as they are closed', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    await world.audit(nothing);
    const day = { fromMs: DAY, toMs: DAY + DAY_MS };
    const hour = { fromMs: DAY + 6 * HOUR_MS, toMs: DAY + 7 * HOUR_MS };
    expect(world.verified).toMatchObject([
      { tier: '1m', ...hour },
      { tier: '15m', ...day },
      { tier: '1d', ...day },
    ]);
    expect(world.verified.every(({ closedThroughMs }) => closedThroughMs === world.nowMs)).toBe(true);
  });

  it('tells of a difference with its evidence but without what users sent, and has the bucket made again', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    const bucketStartMs = DAY + 6 * HOUR_MS;
    const difference = { measure: 'm1', bucketStartMs, columns: ['events'], raw: '2', rollup: '3' };
    const dimensions = ['secret page'];
    world.verification = ({ tier }) => ({
      checkedBuckets: 60,
      differences: tier === '1m' ? [{ ...difference, ...{ dimensions } }, difference] : [],
      isTruncated: false,
    });
    await world.audit(nothing);
    expect(world.marked).toEqual([{ tier: '1m', organization: acme, bucketStartMs }]);
    expect(world.counters.get('tidemark_audit_rollup_differences_total 1m')).toBe(2);
    expect(world.counters.get('tidemark_audit_buckets_checked_total 1m')).toBe(60);
    expect(world.lines).toContainEqual(
      expect.objectContaining({ level: 'error', buckets: 1, count: 2, organization: 'acme' }),
    );
    expect(JSON.stringify(world.lines)).not.toContain('secret');
  });
});

describe('the search for copies', () => {
  const copy = { identity: '1', content: '1', organization: 'acme', source: 's', id: 'x', copies: 3 };

  it('raises an alarm once, and ends it', async () => {
    const world = new AuditedWorld();
    const seen: (number | undefined)[] = [];
    const note = () => seen.push(world.gauges.get(COPIES));
    await world.audit(
      () => (world.copied = [copy]),
      note,
      () => {
        note();
        world.copied = [];
      },
      note,
    );
    expect(seen).toEqual([2, 2, 0]);
    expect(world.messages('error')).toEqual(['raw holds events more than once']);
  });

  it('looks for a sample of what has come over the whole dedupe window', async () => {
    const world = new AuditedWorld();
    const found = { identity: '7', content: '1', organization: 'acme', source: 's', id: 'x' };
    await world.audit(
      () => world.arrive(5),
      () => {
        expect(world.gauges.get(COPIES)).toBe(0);
        world.stored = [5, 0].map((hours) => ({ ...found, receivedAtMs: world.nowMs - hours * HOUR_MS }));
        world.arrive(5);
      },
      nothing,
    );
    expect(world.calls.filter((call) => call.startsWith('identities'))).toEqual([
      'identities 0 0 4',
      'identities 0 5 9',
    ]);
    expect([world.gauges.get(COPIES), world.messages('error')]).toEqual([
      1,
      ['raw holds events more than once'],
    ]);
  });

  it('searches a shorter time while too many events arrive, and the hour again afterwards', async () => {
    const world = new AuditedWorld();
    await world.audit(
      () => (world.tooLongMs = 20 * MINUTE_MS),
      () => (world.tooLongMs = Number.POSITIVE_INFINITY),
      nothing,
    );
    expect(world.calls.filter((call) => call.startsWith('copies'))).toEqual([
      'copies 15',
      'copies 30',
      'copies 60',
    ]);
  });

  it('fails when even the shortest time holds too many', async () => {
    const world = new AuditedWorld();
    await world.audit(() => (world.tooLongMs = 1));
    expect(world.counters.get('tidemark_audit_checks_total copies failed')).toBe(1);
  });
});

describe('an auditor in trouble', () => {
  it('tells of an outage once, makes the other checks, and goes on afterwards', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    await world.audit(
      () => world.faults.set('stored', 'warehouse-unavailable'),
      nothing,
      nothing,
      () => world.faults.clear(),
    );
    expect(world.messages('warn')).toEqual(['a check of the audit failed; it is tried again at the next']);
    expect(world.messages('info')).toEqual(['the audit goes on']);
    expect(world.counters.get('tidemark_audit_checks_total raw failed')).toBe(3);
    expect(world.counters.get('tidemark_audit_checks_total raw done')).toBe(1);
    expect(world.counters.get('tidemark_audit_checks_total receipts done')).toBe(4);
  });

  it('survives a bug of its own, and says so', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    await world.audit(() => world.faults.set('verify', new Error('Assertion failed')), nothing);
    expect(world.messages('error')).toHaveLength(1);
    expect(world.counters.get('tidemark_audit_checks_total copies done')).toBe(2);
  });

  it('audits nothing while it is not its business, and takes its figures back', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    world.rows.pop();
    world.isOwner = false;
    await world.audit(
      () => expect(world.calls).toEqual([]),
      () => (world.isOwner = true),
      () => {
        expect(world.gauges.get(RAW_RESIDUE)).toBe(1);
        world.isOwner = false;
        world.calls.length = 0;
      },
      nothing,
    );
    expect(world.gauges.get(RAW_RESIDUE)).toBe(0);
    expect(world.calls).toEqual([]);
  });

  it('ends between two questions when the process stops, and says nothing of the one it gave up', async () => {
    const world = new AuditedWorld();
    world.arrive(5);
    world.verification = () => {
      world.stop.abort();
      throw new Error('This operation was aborted');
    };
    await world.audit(nothing);
    expect(world.calls.filter((call) => call.startsWith('copies'))).toEqual([]);
    expect([...world.messages('error'), ...world.messages('warn')]).toEqual([]);
  });
});

import { parseOrganizationId, type OrganizationId } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  CAPACITY_SHARE,
  ENGAGE_SAMPLES,
  initialFairShare,
  limitDemands,
  observeFlow,
  STALL_MS,
  type FairShareState,
  type Flow,
} from './fair-share.ts';
import { refill, type TokenBucket } from './token-bucket.ts';

const FAIR_BACKLOG_MS = 10_000;
const TICKS_PER_SECOND = 10;

function organization(name: string): OrganizationId {
  const id = parseOrganizationId(name);
  if (id === null) throw new Error(`${name} is no organization id`);
  return id;
}

interface Sender {
  readonly name: string;
  /** Events a second it sends at an instant (s), refused or not. */
  readonly demand: (atSeconds: number) => number;
  /** The process that all its connections stick to; spread evenly over all when absent. */
  readonly on?: number;
}

interface World {
  readonly senders: readonly Sender[];
  /** Events a second the pipeline stores at an instant (s). */
  readonly capacity: (atSeconds: number) => number;
  readonly seconds: number;
  /** How many processes take events. */
  readonly processes?: number;
  /** Of the log: events and capacity are spread evenly over them. */
  readonly partitions?: number;
  /** How many of the partitions stand still at an instant (s). */
  readonly frozen?: (atSeconds: number) => number;
  /** What a partition can do of its part of the capacity: 0 to 1. */
  readonly speed?: (partition: number) => number;
  /** Time between two batches of a partition: what it could do meanwhile is stored at once. */
  readonly batchSeconds?: number;
}

interface Second {
  readonly at: number;
  readonly backlog: number;
  readonly limited: ReadonlySet<string>;
  readonly limitSum: number;
  /** Events let in within the second, by sender. */
  readonly accepted: ReadonlyMap<string, number>;
  /** What an event that arrives now waits until it is stored, were the capacity to stay. */
  readonly delaySeconds: number;
}

interface Process {
  state: FairShareState;
  flows: Map<OrganizationId, Flow>;
  readonly buckets: Map<OrganizationId, TokenBucket>;
}

/** Senders, processes, a log that is stored in order, and the limits of this module, in steps of a tenth of a second. */
function simulate({
  senders,
  capacity,
  seconds,
  processes: count = 1,
  partitions: width = 1,
  frozen = () => 0,
  speed = () => 1,
  batchSeconds = 1 / TICKS_PER_SECOND,
}: World): readonly Second[] {
  const history: Second[] = [];
  const processes = Array.from(
    { length: count },
    (): Process => ({ state: initialFairShare, flows: new Map(), buckets: new Map() }),
  );
  const partitions = Array.from({ length: width }, () => ({ backlog: 0, stored: 0 }));
  /** Of the second that has begun, and of the one before: what is on record is a second late. */
  let current = new Map<OrganizationId, number>();
  let recorded = new Map<OrganizationId, number>();
  for (let tick = 0; tick < seconds * TICKS_PER_SECOND; tick += 1) {
    const at = tick / TICKS_PER_SECOND;
    if (tick % TICKS_PER_SECOND === 0) {
      for (const one of processes) {
        const sample = {
          atMs: at * 1_000,
          partitions: new Map(
            partitions.map(({ backlog, stored }, partition) => [
              partition,
              { backlogRecords: Math.round(backlog), storedRecords: Math.round(stored) },
            ]),
          ),
          flows: one.flows,
          acceptedByAll: recorded,
        };
        one.state = observeFlow(one.state, sample, FAIR_BACKLOG_MS);
        one.flows = new Map();
      }
      history.push(toSecond(at));
      recorded = current;
      current = new Map();
    }
    for (const sender of senders) {
      const takers = sender.on === undefined ? processes : processes.slice(sender.on, sender.on + 1);
      for (const one of takers) {
        const wanted = sender.demand(at) / TICKS_PER_SECOND / takers.length;
        if (wanted === 0) continue;
        const accepted = send(one, organization(sender.name), wanted, at * 1_000);
        for (const partition of partitions) partition.backlog += accepted / width;
      }
    }
    if ((tick + 1) % Math.round(batchSeconds * TICKS_PER_SECOND) !== 0) continue;
    for (const [number, partition] of partitions.entries()) {
      if (number < frozen(at)) continue;
      const possible = ((capacity(at) * batchSeconds) / width) * speed(number);
      const storedNow = Math.min(partition.backlog, possible);
      partition.backlog -= storedNow;
      partition.stored += storedNow;
    }
  }
  return history;

  function toSecond(at: number): Second {
    const backlog = partitions.reduce((sum, partition) => sum + partition.backlog, 0);
    const limits = processes.flatMap(({ state }) => [...state.limits]);
    return {
      at,
      backlog,
      limited: new Set(limits.map(([id]) => id)),
      limitSum: limits.reduce((sum, [, limit]) => sum + limit, 0),
      accepted: current,
      delaySeconds: capacity(at) === 0 ? 0 : backlog / capacity(at),
    };
  }

  function send(one: Process, id: OrganizationId, wanted: number, nowMs: number): number {
    const accepted = admit(one, id, wanted, nowMs);
    const { acceptedEvents = 0, refusedRequests = 0 } = one.flows.get(id) ?? {};
    one.flows.set(id, {
      acceptedEvents: acceptedEvents + accepted,
      refusedRequests: refusedRequests + (accepted < wanted ? 1 : 0),
    });
    current.set(id, (current.get(id) ?? 0) + accepted);
    return accepted;
  }

  function admit({ state, buckets }: Process, id: OrganizationId, wanted: number, nowMs: number): number {
    const perSecond = state.limits.get(id);
    if (perSecond === undefined) {
      buckets.delete(id);
      return wanted;
    }
    const rate = { perSecond, burst: perSecond };
    const bucket = refill(buckets.get(id) ?? { tokens: rate.burst, atMs: nowMs }, rate, nowMs);
    const accepted = bucket.tokens > 0 ? wanted : 0;
    buckets.set(id, { ...bucket, tokens: bucket.tokens - accepted });
    return accepted;
  }
}

/** Events a second that a sender got in, from an instant (s) on. */
function rateOf(name: string, history: readonly Second[], fromSeconds: number): number {
  const some = history.slice(fromSeconds);
  const sum = some.reduce((total, { accepted }) => total + (accepted.get(organization(name)) ?? 0), 0);
  return sum / some.length;
}

const steady = (rate: number) => () => rate;

const CAPACITY = 10_000;
const SMALL = ['a', 'b', 'c', 'd', 'e'];
/** Five times the capacity, 95 % of it from one. */
const FLOOD: readonly Sender[] = [
  { name: 'flooder', demand: steady(CAPACITY * 5 * 0.95) },
  ...SMALL.map((name) => ({ name, demand: steady((CAPACITY * 5 * 0.05) / SMALL.length) })),
];
/**
 * Limits begin `ENGAGE_SAMPLES` after the backlog has passed its bound, and the backlog grows by (overload - 1) seconds of work a
 * second until then; one second more until the first sample beyond the bound, and one for full buckets.
 */
const DELAY_SECONDS_MAX = FAIR_BACKLOG_MS / 1_000 + (ENGAGE_SAMPLES + 2) * (5 - 1);

describe('observeFlow', () => {
  it("bounds the others' delay while one sends 95 % of five times what can be stored", () => {
    const history = simulate({ senders: FLOOD, capacity: steady(CAPACITY), seconds: 600 });
    const delays = history.map(({ delaySeconds }) => delaySeconds);
    expect(Math.max(...delays)).toBeGreaterThan(FAIR_BACKLOG_MS / 1_000);
    expect(Math.max(...delays)).toBeLessThan(DELAY_SECONDS_MAX);
    expect(new Set(history.flatMap(({ limited }) => [...limited]))).toEqual(new Set(['flooder']));
    // Without limits it would be (5 - 1) x 600 s.
    expect(delays.at(-1)).toBeLessThan(DELAY_SECONDS_MAX);
  });

  it('does so too where many processes share the load', () => {
    const history = simulate({ senders: FLOOD, capacity: steady(CAPACITY), seconds: 600, processes: 8 });
    const delays = history.map(({ delaySeconds }) => delaySeconds);
    expect(Math.max(...delays)).toBeLessThan(DELAY_SECONDS_MAX);
    expect(new Set(history.flatMap(({ limited }) => [...limited]))).toEqual(new Set(['flooder']));
  });

  describe.each([
    ['a flooder that sticks to another process', [{ name: 'flooder', on: 1, demand: steady(CAPACITY * 5) }]],
    ['a flooder spread over all processes', [{ name: 'flooder', demand: steady(CAPACITY * 5) }]],
    [
      'two flooders on processes of their own',
      [1, 2].map((on) => ({ name: `flooder${on}`, on, demand: steady(CAPACITY * 3) })),
    ],
  ])('who sticks to a process alone, against %s,', (_what, flooders: readonly Sender[]) => {
    const equal = (CAPACITY * CAPACITY_SHARE) / (flooders.length + 1);
    const run = (demand: number) =>
      simulate({
        senders: [{ name: 'small', on: 0, demand: steady(demand) }, ...flooders],
        ...{ capacity: steady(CAPACITY), seconds: 600, processes: 4 },
      });

    it('is never limited while it asks for less than an equal share', () => {
      const history = run(equal * 0.6);
      const refused = history.filter(({ limited }) => limited.has('small'));
      expect(refused).toEqual([]);
      expect(rateOf('small', history, 0)).toBeCloseTo(equal * 0.6, -2);
    });

    it('gets an equal share when it asks for more', () => {
      const history = run(CAPACITY * 2);
      expect(rateOf('small', history, 60)).toBeGreaterThan(equal * 0.8);
      for (const { name } of flooders) expect(rateOf(name, history, 60)).toBeGreaterThan(equal * 0.8);
      const delays = history.slice(60).map(({ delaySeconds }) => delaySeconds);
      expect(Math.max(...delays)).toBeLessThan(DELAY_SECONDS_MAX * 2);
    });
  });

  it('ends the limits when the flood is over, for good', () => {
    const senders = FLOOD.map(({ name, demand }) =>
      name === 'flooder' ? { name, demand: (at: number) => (at < 60 ? demand(at) : 100) } : { name, demand },
    );
    const history = simulate({ senders, capacity: steady(CAPACITY), seconds: 120 });
    expect(history.some(({ limited }) => limited.size > 0)).toBe(true);
    expect(history.slice(90).every(({ limited }) => limited.size === 0)).toBe(true);
    expect(history.at(-1)?.backlog).toBe(0);
  });

  it('limits nobody while nothing is stored, however much waits', () => {
    const capacity = (at: number) => (at >= 20 && at < 200 ? 0 : CAPACITY);
    const history = simulate({ senders: FLOOD, capacity, seconds: 200 });
    const stalledFrom = 20 + STALL_MS / 1_000 + 1;
    expect(history.slice(stalledFrom).every(({ limited }) => limited.size === 0)).toBe(true);
    expect(history.at(-1)?.backlog).toBeGreaterThan(100 * CAPACITY);
  });

  it.each([
    ['a third', 2],
    ['half', 3],
    ['most', 5],
  ])('limits nobody when %s of the partitions stand still for a while, and go on', (_what, count) => {
    for (const pauseSeconds of [3, 8, 12, 60, 300]) {
      const senders = [
        { name: 'large', demand: steady(CAPACITY * 0.6) },
        { name: 'small', demand: steady(CAPACITY * 0.1) },
      ];
      const frozen = (at: number) => (at >= 20 && at < 20 + pauseSeconds ? count : 0);
      const history = simulate({ senders, capacity: steady(CAPACITY), seconds: 600, partitions: 6, frozen });
      const limited = history.filter((second) => second.limited.size > 0).map(({ at }) => at);
      expect({ pauseSeconds, limited }).toEqual({ pauseSeconds, limited: [] });
    }
  });

  it('still tells overload when some of the partitions stand still', () => {
    const history = simulate({
      ...{ senders: FLOOD, capacity: steady(CAPACITY), seconds: 120, partitions: 6 },
      frozen: (at) => (at >= 60 ? 2 : 0),
    });
    const limited = history.slice(60).filter((second) => second.limited.has(organization('flooder')));
    expect(limited.length).toBeGreaterThan(60 * 0.8);
  });

  it('limits nobody while only a part of the partitions has gone on after an outage', () => {
    const senders = [{ name: 'only', demand: steady(CAPACITY * 0.7) }];
    const frozen = (at: number) => (at < 20 || at >= 140 ? 0 : at < 80 ? 6 : 3);
    const history = simulate({ senders, capacity: steady(CAPACITY), seconds: 600, partitions: 6, frozen });
    expect(history.filter(({ limited }) => limited.size > 0)).toEqual([]);
  });

  it.each([
    ['a single partition', 1],
    ['two partitions', 2],
    ['six partitions', 6],
  ])('tells overload of %s that are stored in large batches', (_what, partitions) => {
    for (const batchSeconds of [1, 3, 6, 9]) {
      const world = { senders: FLOOD, capacity: steady(CAPACITY), seconds: 300, partitions, batchSeconds };
      const history = simulate(world);
      // Until two batches have been seen, nobody knows that there are any.
      const worst = Math.max(...history.map(({ delaySeconds }) => delaySeconds));
      expect({ batchSeconds, isBounded: worst < DELAY_SECONDS_MAX + 8 * batchSeconds * (5 - 1) }).toEqual({
        batchSeconds,
        isBounded: true,
      });
    }
  });

  it('tells that one half of the partitions is too slow', () => {
    const senders = [{ name: 'only', demand: steady(CAPACITY * 0.7) }];
    const speed = (partition: number) => (partition < 3 ? 0.3 : 1);
    const history = simulate({ senders, capacity: steady(CAPACITY), seconds: 600, partitions: 6, speed });
    expect(Math.max(...history.map(({ delaySeconds }) => delaySeconds))).toBeLessThan(DELAY_SECONDS_MAX);
  });

  it('limits nobody who sends less than is stored after an outage, whatever has piled up', () => {
    const senders = [
      { name: 'large', demand: steady(CAPACITY * 0.7) },
      { name: 'small', demand: steady(CAPACITY * 0.1) },
    ];
    const capacity = (at: number) => (at >= 20 && at < 320 ? 0 : CAPACITY);
    const history = simulate({ senders, capacity, seconds: 600 });
    expect(history.every(({ limited }) => limited.size === 0)).toBe(true);
  });

  it('limits nobody for a burst after silence: what an idle pipeline stores is not what it can', () => {
    const senders = [{ name: 'burst', demand: (at: number) => (at >= 30 && at < 31 ? CAPACITY * 9 : 10) }];
    const history = simulate({ senders, capacity: steady(CAPACITY), seconds: 60 });
    expect(history.every(({ limited }) => limited.size === 0)).toBe(true);
  });

  it('does not flap: limits last until half of the backlog that began them is gone', () => {
    const history = simulate({ senders: FLOOD, capacity: steady(CAPACITY), seconds: 600 });
    const changes = history.filter(
      ({ limited }, at) => limited.size > 0 !== (history[at - 1]?.limited.size ?? 0) > 0,
    );
    expect(changes.length).toBeLessThan(12);
  });

  it('begins anew after a gap, and with another log', () => {
    let state = initialFairShare;
    for (let second = 0; second < 30; second += 1) {
      const flows = new Map([[organization('flooder'), { acceptedEvents: 50_000, refusedRequests: 0 }]]);
      const acceptedByAll = new Map([[organization('flooder'), 50_000]]);
      const sample = {
        partitions: new Map([[0, { backlogRecords: 40_000 * second, storedRecords: 10_000 * second }]]),
        flows,
        acceptedByAll,
      };
      state = observeFlow(state, { atMs: second * 1_000, ...sample }, FAIR_BACKLOG_MS);
    }
    expect(state.limits.size).toBe(1);
    const lag = { backlogRecords: 1_600_000, storedRecords: 400_000 };
    const next = {
      partitions: new Map([[0, lag]]),
      flows: new Map<OrganizationId, Flow>(),
      acceptedByAll: new Map<OrganizationId, number>(),
    };
    expect(observeFlow(state, { atMs: 90_000, ...next }, FAIR_BACKLOG_MS).limits.size).toBe(0);
    const anew = { ...next, partitions: new Map([[0, { ...lag, storedRecords: 5 }]]) };
    expect(observeFlow(state, { atMs: 30_000, ...anew }, FAIR_BACKLOG_MS).limits.size).toBe(0);
  });

  it('never limits a single organization that sends less than is stored', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9_900 }), { minLength: 5, maxLength: 30 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (rates, outageSeconds) => {
          // Beneath the capacity in every second, with an outage before.
          const demand = (at: number) => rates[Math.floor(at / 10) % rates.length] ?? 0;
          const capacity = (at: number) => (at >= 5 && at < 5 + outageSeconds ? 0 : CAPACITY);
          const history = simulate({ senders: [{ name: 'only', demand }], capacity, seconds: 200 });
          expect(history.every(({ limited }) => limited.size === 0)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('never limits all together to more than its part of what is stored', () => {
    const rates = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rates, fc.integer({ min: 500, max: 20_000 }), (demands, rate) => {
        const senders = demands.map((demand, index) => ({ name: `o${index}`, demand: steady(demand) }));
        const history = simulate({ senders, capacity: steady(rate), seconds: 60 });
        for (const { limitSum } of history)
          expect(limitSum).toBeLessThanOrEqual(rate * CAPACITY_SHARE * 1.01);
        const total = demands.reduce((sum, demand) => sum + demand, 0);
        if (total <= rate) expect(history.every(({ limited }) => limited.size === 0)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('limitDemands', () => {
  const demandsOf = fc.array(fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(Infinity)), {
    maxLength: 12,
  });

  it('never gives out more than there is, and touches nobody who asks for less than an equal share', () => {
    fc.assert(
      fc.property(demandsOf, fc.double({ min: 1, max: 1e6, noNaN: true }), (rates, capacity) => {
        const demands = new Map(rates.map((rate, index) => [organization(`o${index}`), rate]));
        const limits = limitDemands(demands, capacity);
        let given = 0;
        for (const [id, demand] of demands) {
          const limit = limits.get(id);
          given += limit ?? demand;
          if (demand <= capacity / demands.size) expect(limit).toBeUndefined();
          if (limit !== undefined) expect(demand).toBeGreaterThan(limit);
        }
        expect(given).toBeLessThanOrEqual(capacity * (1 + 1e-9));
        // Max-min: the limited ones share equally, and no less than anybody unlimited gets.
        const shares = new Set(limits.values());
        expect(shares.size).toBeLessThanOrEqual(1);
        for (const [id, demand] of demands) {
          if (limits.size > 0 && !limits.has(id)) expect(demand).toBeLessThanOrEqual(Math.max(...shares));
        }
      }),
    );
  });
});

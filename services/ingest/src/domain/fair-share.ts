/**
 * Who must send less while the pipeline is behind. All organizations share one log, so what one sends too much waits in front of
 * what the others send. Pure: samples go in once a second, limits come out.
 *
 * An outage is not overload: while nothing is stored nobody is limited, and the log takes what comes until its own bound. Nor is it when
 * some partitions stand still: they are left out until they move again, of what arrives as of what waits. (When the others are overloaded
 * as well, what they drain is shared by all.) Limits begin when the backlog would take longer than `fairBacklogMs` to drain AND more is
 * sent than is drained; they are max-min fair
 * shares of at most `CAPACITY_SHARE` of what is drained, so the backlog shrinks; they end when it is half gone (hysteresis) or
 * when less is sent.
 *
 * All processes share out the same: what each organization sends is known of all of them, from the receipts in the catalog, whoever takes it.
 * Each process holds an organization to the part of its limit that this process takes of what it sends, so a sender whose connections
 * stick to one process has all of its limit there. Only who is refused here is known to want more; what is refused elsewhere looks like
 * as much as was let in, which is its limit: the processes agree within some windows, and what they misjudge until then shows in the
 * backlog (see `adjustShare`).
 */
import type { OrganizationId } from '@tidemark/core';
import { sumLags } from './log-progress.ts';
import type { PartitionLag } from './log-progress.ts';

/** Rates are those of the last seconds: enough to see past batches, little enough to notice a change. */
const FAIR_WINDOW_MS = 10_000;
/** A gap between samples after which the older ones say nothing any more. */
export const SAMPLE_STALE_MS = 30_000;
/** Nothing of a partition stored for so long, with a backlog, and for so many of its steps: a stall. */
export const STALL_MS = 5_000;
const STALL_STEPS = 1.5;
/** The rate of draining is not judged by less. */
const MEASURE_MS_MIN = 3_000;
/** Consecutive samples that must ask for limits before there are any. */
export const ENGAGE_SAMPLES = 2;
/** Limits end below this part of the backlog at which they begin. */
const RELEASE_FRACTION = 0.5;
export const CAPACITY_SHARE = 0.9;
const CAPACITY_SHARE_MIN = 0.01;
/** Least part of a limit that a process grants: who moves to it has sent nothing through it yet. */
const PART_MIN = 0.02;
const ADJUST_INTERVAL_MS = 5_000;
const ADJUST_FACTOR = 0.8;
/** The backlog is to shrink by this part of what is drained, at least and at most. */
const SHRINK_MIN = 0.05;
const SHRINK_MAX = 0.15;

/** What one organization has sent since the sample before. */
export interface Flow {
  readonly acceptedEvents: number;
  /** Requests refused by its limit. */
  readonly refusedRequests: number;
}

export interface FlowSample {
  readonly atMs: number;
  readonly partitions: ReadonlyMap<number, PartitionLag>;
  /** Of this process. Only organizations that have sent. */
  readonly flows: ReadonlyMap<OrganizationId, Flow>;
  /** Events of all processes since the sample before, as far as they were on record by now: a second or two late. */
  readonly acceptedByAll: ReadonlyMap<OrganizationId, number>;
}

/** How one partition has been stored lately. */
interface Pace {
  /** When its stored records have last increased, or it had no backlog. */
  readonly movedAtMs: number;
  /** Between its last two moves: large batches come seldom. */
  readonly stepMs: number;
  readonly isStalled: boolean;
  /** Neither a stall nor the second in which it ends says how fast it is drained: measured from here. */
  readonly sinceMs: number;
}

interface Limiting {
  /** Of what is drained, for the senders of all processes. */
  readonly share: number;
  readonly adjustedAtMs: number;
  readonly backlogThen: number;
}

export interface FairShareState {
  /** Oldest first: those of the window, and the one it begins with. */
  readonly samples: readonly FlowSample[];
  readonly paces: ReadonlyMap<number, Pace>;
  readonly behindSamples: number;
  /** Null while there are no limits. */
  readonly limiting: Limiting | null;
  /** Events per second in this process, of those organizations that are limited. */
  readonly limits: ReadonlyMap<OrganizationId, number>;
}

const NO_LIMITS: ReadonlyMap<OrganizationId, number> = new Map();

export const initialFairShare: FairShareState = {
  samples: [],
  paces: new Map(),
  behindSamples: 0,
  limiting: null,
  limits: NO_LIMITS,
};

/** @param fairBacklogMs the time to drain up to which nobody is limited */
export function observeFlow(
  state: FairShareState,
  sample: FlowSample,
  fairBacklogMs: number,
): FairShareState {
  const last = state.samples.at(-1);
  const isNext = last !== undefined && follows(last, sample);
  const paces = observePaces(isNext ? state.paces : new Map(), last, sample);
  if (!isNext) return { ...initialFairShare, paces, samples: [sample] };
  const samples = within(FAIR_WINDOW_MS, [...state.samples, sample]);
  const drain = measureDrain(samples, paces);
  if (drain === null) return { ...initialFairShare, paces, samples };

  const demands = measureDemands(samples);
  const isGrowing = drain.arrivedPerSecond > drain.perSecond || hasRefused(samples);
  const drainMs = (drain.backlogRecords * 1_000) / drain.perSecond;
  const behindSamples = isGrowing && drainMs > fairBacklogMs ? state.behindSamples + 1 : 0;
  const goesOn = state.limiting !== null && isGrowing && drainMs >= fairBacklogMs * RELEASE_FRACTION;
  if (!goesOn && behindSamples < ENGAGE_SAMPLES) {
    return { ...initialFairShare, paces, samples, behindSamples };
  }
  const { backlogRecords } = sumLags(sample.partitions);
  const limiting =
    state.limiting === null
      ? { share: CAPACITY_SHARE, adjustedAtMs: sample.atMs, backlogThen: backlogRecords }
      : adjustShare(state.limiting, { atMs: sample.atMs, backlogRecords }, drain.perSecond);
  const limits = limitOwnParts(demands, drain.perSecond * limiting.share);
  return { paces, samples, behindSamples, limiting, limits };
}

function hasMoved(before: PartitionLag, now: PartitionLag): boolean {
  return now.backlogRecords === 0 || now.storedRecords > before.storedRecords;
}

function observePaces(
  paces: ReadonlyMap<number, Pace>,
  last: FlowSample | undefined,
  { atMs, partitions }: FlowSample,
): ReadonlyMap<number, Pace> {
  return new Map(
    [...partitions].map(([partition, lag]) => {
      const pace = paces.get(partition);
      const before = last?.partitions.get(partition);
      const isKnown = pace !== undefined && before !== undefined;
      const movedAtMs = isKnown && !hasMoved(before, lag) ? pace.movedAtMs : atMs;
      const stepMs = isKnown && movedAtMs > pace.movedAtMs ? movedAtMs - pace.movedAtMs : (pace?.stepMs ?? 0);
      const isStalled = atMs - movedAtMs >= Math.max(STALL_MS, STALL_STEPS * stepMs);
      const sinceMs = isKnown && !isStalled && !pace.isStalled ? pace.sinceMs : atMs;
      return [partition, { movedAtMs, stepMs, isStalled, sinceMs }];
    }),
  );
}

/** False after a gap, and when the log is another one. */
function follows(last: FlowSample, next: FlowSample): boolean {
  const elapsedMs = next.atMs - last.atMs;
  const storedRecords = sumLags(next.partitions).storedRecords;
  return (
    elapsedMs > 0 && elapsedMs <= SAMPLE_STALE_MS && storedRecords >= sumLags(last.partitions).storedRecords
  );
}

function within(windowMs: number, samples: readonly FlowSample[]): readonly FlowSample[] {
  const fromMs = (samples.at(-1)?.atMs ?? 0) - windowMs;
  return samples.filter(({ atMs }) => atMs >= fromMs);
}

interface LagSample extends PartitionLag {
  readonly atMs: number;
}

/** Of the partitions that move. */
interface Drain {
  /** Of those that do not keep up. */
  readonly backlogRecords: number;
  /** What they can do; of those that have run out of work, what they have done. Greater than 0. */
  readonly perSecond: number;
  readonly arrivedPerSecond: number;
}

/** Null when no partition is known to have had work all the time. */
function measureDrain(samples: readonly FlowSample[], paces: ReadonlyMap<number, Pace>): Drain | null {
  let backlogRecords = 0;
  let perSecond = 0;
  let arrivedPerSecond = 0;
  let isKnown = false;
  for (const [partition, { isStalled, sinceMs }] of paces) {
    if (isStalled) continue;
    const own = samples.flatMap(({ atMs, partitions }): LagSample[] => {
      const lag = atMs >= sinceMs ? partitions.get(partition) : undefined;
      return lag === undefined ? [] : [{ atMs, ...lag }];
    });
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined || first === last) continue;
    const ofSecond = (records: number): number => (records * 1_000) / (last.atMs - first.atMs);
    const donePerSecond = ofSecond(last.storedRecords - first.storedRecords);
    const busyPerSecond = measureBusyDrain(own);
    perSecond += busyPerSecond ?? donePerSecond;
    arrivedPerSecond += donePerSecond + ofSecond(last.backlogRecords - first.backlogRecords);
    if (busyPerSecond === null) continue;
    backlogRecords += last.backlogRecords;
    isKnown = true;
  }
  return isKnown ? { backlogRecords, perSecond, arrivedPerSecond } : null;
}

/**
 * Of one partition: records per second, over the newest intervals in which it cannot have run out of work: as much as was stored was
 * waiting when the interval began. What an idle pipeline stores says how much was sent, not how much it can do. Null when there are too few.
 */
function measureBusyDrain(samples: readonly LagSample[]): number | null {
  const newest = samples.at(-1);
  if (newest === undefined) return null;
  let oldest = newest;
  for (const before of samples.slice(0, -1).toReversed()) {
    const storedNext = oldest.storedRecords - before.storedRecords;
    if (before.backlogRecords === 0 || before.backlogRecords < storedNext) break;
    oldest = before;
  }
  const elapsedMs = newest.atMs - oldest.atMs;
  const storedRecords = newest.storedRecords - oldest.storedRecords;
  if (elapsedMs < MEASURE_MS_MIN || storedRecords === 0) return null;
  return (storedRecords * 1_000) / elapsedMs;
}

/** What was kept out would have arrived. */
function hasRefused(samples: readonly FlowSample[]): boolean {
  return samples
    .slice(1)
    .some(({ flows }) => [...flows.values()].some(({ refusedRequests }) => refusedRequests > 0));
}

interface Demand {
  /** Events per second that the organization asks for, of all processes together. */
  readonly total: number;
  /** Of what was let in, the part that this process has: 0 to 1. */
  readonly part: number;
}

/** Who was refused would have sent more: nobody knows how much. */
function measureDemands(samples: readonly FlowSample[]): ReadonlyMap<OrganizationId, Demand> {
  const [oldest, ...others] = samples;
  const newest = others.at(-1);
  if (oldest === undefined || newest === undefined) return new Map();
  const seconds = (newest.atMs - oldest.atMs) / 1_000;
  const own = new Map<OrganizationId, number>();
  const all = new Map<OrganizationId, number>();
  const refused = new Set<OrganizationId>();
  for (const { flows, acceptedByAll } of others) {
    for (const [organization, events] of acceptedByAll) addTo(all, organization, events);
    for (const [organization, { acceptedEvents, refusedRequests }] of flows) {
      addTo(own, organization, acceptedEvents);
      if (refusedRequests > 0) refused.add(organization);
    }
  }
  return new Map(
    [...new Set([...own.keys(), ...all.keys()])].map((organization) => {
      const ofThis = own.get(organization) ?? 0;
      // What this process has let in may not be on record yet.
      const ofAll = Math.max(ofThis, all.get(organization) ?? 0);
      const total = refused.has(organization) ? Number.POSITIVE_INFINITY : ofAll / seconds;
      return [organization, { total, part: ofAll === 0 ? 1 : ofThis / ofAll }];
    }),
  );
}

function addTo(sums: Map<OrganizationId, number>, organization: OrganizationId, events: number): void {
  sums.set(organization, (sums.get(organization) ?? 0) + events);
}

/** What this process grants of the limits of all. */
function limitOwnParts(
  demands: ReadonlyMap<OrganizationId, Demand>,
  capacityPerSecond: number,
): ReadonlyMap<OrganizationId, number> {
  const totals = new Map([...demands].map(([organization, { total }]) => [organization, total]));
  const limits = limitDemands(totals, capacityPerSecond);
  return new Map(
    [...limits].map(([organization, limit]) => [
      organization,
      limit * Math.max(PART_MIN, demands.get(organization)?.part ?? 0),
    ]),
  );
}

/** Max-min fairness: who asks for less than an equal share gets it whole, and what that leaves is shared by the others. */
export function limitDemands(
  demands: ReadonlyMap<OrganizationId, number>,
  capacityPerSecond: number,
): ReadonlyMap<OrganizationId, number> {
  const ascending = [...demands].toSorted(([, a], [, b]) => a - b);
  let left = capacityPerSecond;
  for (const [index, [, demand]] of ascending.entries()) {
    const share = left / (ascending.length - index);
    if (demand > share) return new Map(ascending.slice(index).map(([organization]) => [organization, share]));
    left -= demand;
  }
  return NO_LIMITS;
}

/** Less when the backlog does not shrink in spite of the limits: other processes let in more than this one believes. More when there is room. */
function adjustShare(
  limiting: Limiting,
  { atMs, backlogRecords }: { readonly atMs: number; readonly backlogRecords: number },
  drainPerSecond: number,
): Limiting {
  const elapsedMs = atMs - limiting.adjustedAtMs;
  if (elapsedMs < ADJUST_INTERVAL_MS) return limiting;
  const drained = (drainPerSecond * elapsedMs) / 1_000;
  const shrunk = (limiting.backlogThen - backlogRecords) / drained;
  const factor = shrunk < SHRINK_MIN ? ADJUST_FACTOR : shrunk > SHRINK_MAX ? 1 / ADJUST_FACTOR : 1;
  const share = Math.max(CAPACITY_SHARE_MIN, Math.min(CAPACITY_SHARE, limiting.share * factor));
  return { share, adjustedAtMs: atMs, backlogThen: backlogRecords };
}

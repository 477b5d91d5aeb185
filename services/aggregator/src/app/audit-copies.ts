/** The audit of copies: events that raw holds more than once. */
import type { AccountedPartition } from '@tidemark/catalog';
import { EVENTS_TOPIC } from '@tidemark/contracts';
import { DAY_MS, HOUR_MS, isAppError, MINUTE_MS } from '@tidemark/core';
import type { Logger, Telemetry } from '@tidemark/runtime';
import { DUPLICATES_SHOWN_MAX } from '@tidemark/warehouse';
import type { CopiedEvent, EventStore } from '@tidemark/warehouse';
import { slipsAmong } from '../domain/copies.ts';
import type { Slip } from '../domain/copies.ts';
import { identityKey } from '../domain/identity.ts';
import { Alarm } from './audit-alarm.ts';

/** Arrivals that are searched for copies; halved down to the shorter one while too many events arrive. */
const COPIES_WITHIN_MS = HOUR_MS;
const COPIES_WITHIN_LEAST_MS = MINUTE_MS;
/** Events of one audit that are looked for over the whole dedupe window, and questions of which they are taken. */
const SAMPLED_EVENTS_MAX = 1_000;
const SAMPLED_PARTITIONS_MAX = 16;
/** How long a copy that the sample has found is looked at again, unless it goes. */
const SLIPS_KEPT_MS = 8 * DAY_MS;

export interface CopiesAuditDependencies {
  readonly events: Pick<EventStore, 'duplicatesWithin' | 'identitiesWithin' | 'findStored'>;
  /** [0, 1): what is looked at. */
  readonly random: () => number;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'set'>;
}

type Copied = Pick<CopiedEvent, 'organization' | 'source' | 'id' | 'copies'>;

/**
 * All arrivals of the last hour are held to each other. Of what came since the last audit a sample is held to the whole dedupe window: a copy
 * that slips through hours after its original is found if it is in the sample, so a fault that lets many through is found soon.
 */
export class CopiesAudit {
  private readonly on: CopiesAuditDependencies;
  private readonly dedupeWindowMs: number;
  private readonly alarm: Alarm;
  private withinMs = COPIES_WITHIN_MS;
  private readonly sampledThrough = new Map<number, number>();
  private recent: readonly Copied[] = [];
  private slips: readonly Slip[] = [];

  constructor(on: CopiesAuditDependencies, dedupeWindowMs: number) {
    this.on = on;
    this.dedupeWindowMs = dedupeWindowMs;
    this.alarm = new Alarm(on.log, 'raw holds events more than once');
  }

  async checkRecent(nowMs: number): Promise<void> {
    this.recent = await this.copiedBefore(nowMs);
    this.report();
  }

  /** @param partitions as the books have them: what they cover is in raw */
  async checkSample(partitions: readonly AccountedPartition[], nowMs: number): Promise<void> {
    const sample = await this.takeSample(partitions);
    const slips = this.slips.filter(({ lastMs }) => lastMs > nowMs - SLIPS_KEPT_MS);
    const identities = new Set([...sample, ...slips].map(({ identity }) => identity));
    const arrivals = [...sample.map((row) => row.receivedAtMs), ...slips.map(({ firstMs }) => firstMs)];
    const oldestMs = arrivals.reduce((oldest, atMs) => Math.min(oldest, atMs), nowMs);
    // A range that holds no offset: nothing is left out.
    const nothing = { topic: EVENTS_TOPIC, partition: 0, from: 1, to: 0 };
    const found =
      identities.size === 0
        ? []
        : await this.on.events.findStored([...identities], oldestMs - this.dedupeWindowMs, nothing);
    this.slips = slipsAmong(found, this.dedupeWindowMs).slice(0, DUPLICATES_SHOWN_MAX);
    for (const { partition, through } of partitions) this.sampledThrough.set(partition, through);
    this.report();
  }

  /** A run of each partition that has gone on, of a length by what has come in it, from anywhere in it. */
  private async takeSample(partitions: readonly AccountedPartition[]) {
    const { events, random } = this.on;
    const fresh = partitions.flatMap(({ partition, since, through }) => {
      const from = this.sampledThrough.get(partition) ?? Math.max(since, through - SAMPLED_EVENTS_MAX);
      return from < through ? [{ partition, from, offsets: through - from }] : [];
    });
    const all = fresh.reduce((sum, { offsets }) => sum + offsets, 0);
    const first = Math.floor(random() * fresh.length);
    const asked = [...fresh.slice(first), ...fresh.slice(0, first)].slice(0, SAMPLED_PARTITIONS_MAX);
    const sample: { readonly identity: string; readonly receivedAtMs: number }[] = [];
    for (const { partition, from, offsets } of asked) {
      const length = Math.min(offsets, Math.ceil((SAMPLED_EVENTS_MAX * offsets) / all));
      const start = from + Math.floor(random() * (offsets - length + 1));
      const rows = await events.identitiesWithin(
        { topic: EVENTS_TOPIC, partition },
        start,
        start + length - 1,
      );
      sample.push(...rows);
    }
    return sample;
  }

  private report(): void {
    const copied = new Map<string, Copied>();
    for (const { organization, source, id, copies } of [...this.recent, ...this.slips]) {
      const key = identityKey(organization, source, id);
      const most = Math.max(copies, copied.get(key)?.copies ?? 0);
      copied.set(key, { organization, source, id, copies: most });
    }
    const doubled = [...copied.values()].reduce((sum, { copies }) => sum + copies - 1, 0);
    this.on.telemetry.set('tidemark_audit_duplicate_events', doubled);
    this.alarm.report([...copied.values()], { doubled });
  }

  /** Within less time when more arrives than is searched at once; within more again, step by step, when it no longer does. */
  private async copiedBefore(nowMs: number): Promise<readonly CopiedEvent[]> {
    this.withinMs = Math.min(COPIES_WITHIN_MS, this.withinMs * 2);
    while (true) {
      try {
        return await this.on.events.duplicatesWithin(null, nowMs - this.withinMs, nowMs);
      } catch (error) {
        const isTooLong = isAppError(error, 'query-too-expensive');
        if (!isTooLong || this.withinMs <= COPIES_WITHIN_LEAST_MS) throw error;
        this.withinMs = Math.max(COPIES_WITHIN_LEAST_MS, this.withinMs / 2);
      }
    }
  }
}

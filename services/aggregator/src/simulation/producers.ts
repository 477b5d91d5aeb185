/** What producers send, drawn from the seed: new events, copies, conflicts, late events, and records that can never be rows. */
import { DAY_MS, HOUR_MS, MINUTE_MS, parseOrganizationId, SECOND_MS } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { OutgoingRecord } from '@tidemark/bus';
import { encodeEventRecord, HEADER_ORGANIZATION } from '@tidemark/contracts';
import type { DecodedEvent } from '@tidemark/contracts';
import type { Random } from './random.ts';
import { UNSTORABLE_TYPE } from './warehouse.ts';

/** How far the arrivals that records carry may lie behind the moment they are appended. */
export const ARRIVAL_JITTER_MS = 500;

const ORGANIZATIONS = ['acme', 'globex'].map((text) => parseOrganizationId(text) as OrganizationId);
/** Of the sources, ids are unique within each; two suffice for the same id in both. */
const SOURCES = ['a', 'b'];

export type Fate = 'fresh' | 'copy' | 'conflict' | 'unreadable' | 'unstorable';

export interface Produced {
  readonly partition: number;
  readonly record: OutgoingRecord;
  /** Whose it says to be; null when it does not say. */
  readonly organization: OrganizationId | null;
  /** Null when the record is not an event. */
  readonly event: DecodedEvent | null;
}

export class Producers {
  private readonly random: Random;
  private readonly partitions: number;
  private readonly weights: readonly (readonly [Fate, number])[];
  private readonly sent: { readonly partition: number; readonly event: DecodedEvent }[] = [];
  private count = 0;

  constructor(random: Random, partitions: number) {
    this.random = random;
    this.partitions = partitions;
    const weight = (greatest: number) => (random.chance(0.6) ? greatest * random.next() : 0);
    this.weights = [
      ['copy', weight(0.5)],
      ['conflict', weight(0.3)],
      ['unreadable', weight(0.2)],
      ['unstorable', weight(0.2)],
    ];
  }

  next(nowMs: number): Produced {
    const arrivedAtMs = nowMs - this.random.between(0, ARRIVAL_JITTER_MS);
    this.count += 1;
    const fate = this.drawFate();
    if (fate === 'unreadable') return this.unreadable(arrivedAtMs);
    const earlier = fate === 'copy' || fate === 'conflict' ? this.random.pick(this.sent) : null;
    // Copies of an event meet on one partition: its key says which.
    const partition = earlier?.partition ?? this.random.between(0, this.partitions - 1);
    const event =
      earlier === null
        ? this.event(fate === 'unstorable', nowMs)
        : fate === 'copy'
          ? earlier.event
          : { ...earlier.event, dataText: `{"amount":${this.count}}` };
    if (fate === 'fresh') this.sent.push({ partition, event });
    return {
      partition,
      organization: event.organization,
      event,
      record: encodeEventRecord(event, arrivedAtMs),
    };
  }

  private drawFate(): Fate {
    for (const [fate, weight] of this.weights) {
      const needsEarlier = fate === 'copy' || fate === 'conflict';
      if (this.random.chance(weight) && (!needsEarlier || this.sent.length > 0)) return fate;
    }
    return 'fresh';
  }

  private event(isUnstorable: boolean, nowMs: number): DecodedEvent {
    const { random } = this;
    const timeMs = nowMs - this.drawAgeMs();
    // Now and then an id that another organization or source has used already.
    const number = random.chance(0.1) ? Math.ceil(this.count / 2) : this.count;
    return {
      organization: random.pick(ORGANIZATIONS),
      id: isUnstorable ? `unstorable-${this.count}` : `event-${number}`,
      source: number === this.count ? 'a' : `${random.pick(SOURCES)}-${this.count}`,
      type: isUnstorable ? UNSTORABLE_TYPE : 'test.happened',
      subject: null,
      timeMs,
      timeText: new Date(timeMs).toISOString(),
      extensions: {},
      dataText: `{"amount":${this.count}}`,
    };
  }

  private drawAgeMs(): number {
    const { random } = this;
    const kind = random.next();
    if (kind < 0.5) return random.between(0, 5 * SECOND_MS);
    if (kind < 0.8) return random.between(0, 5 * MINUTE_MS);
    if (kind < 0.9) return -random.between(0, MINUTE_MS);
    return kind < 0.95 ? random.between(0, 3 * HOUR_MS) : random.between(0, 3) * DAY_MS;
  }

  private unreadable(arrivedAtMs: number): Produced {
    const { random } = this;
    const partition = random.between(0, this.partitions - 1);
    const organization = random.chance(0.5) ? random.pick(ORGANIZATIONS) : null;
    const headers: Record<string, string> =
      organization === null ? {} : { [HEADER_ORGANIZATION]: organization };
    const record = {
      key: `k${this.count}`,
      value: Buffer.from('not json'),
      headers,
      timestampMs: arrivedAtMs,
    };
    return { partition, organization, event: null, record };
  }
}

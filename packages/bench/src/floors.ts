import type { Profile } from './profile.ts';

export interface FloorValues {
  readonly endToEndPerSecond: number;
  readonly visibleP95Ms: number;
}

export interface Floor {
  readonly name: string;
  readonly unit: string;
  readonly measured: number;
  /** At least this when more is better, at most this when less is. */
  readonly bound: number;
  readonly kind: 'at-least' | 'below';
  readonly passed: boolean;
}

const EVENTS_PER_SECOND_FLOOR: Readonly<Record<Profile, number>> = { embedded: 20_000, distributed: 10_000 };
const VISIBLE_P95_MS_CEILING = 2_000;

/** What a release must reach on two cores. The time to visible is promised for the embedded profile. */
export function floorsOf(profile: Profile, values: FloorValues): readonly Floor[] {
  const bound = EVENTS_PER_SECOND_FLOOR[profile];
  const floors: Floor[] = [
    {
      name: 'events end to end in batches of 1,000',
      unit: 'events/s',
      measured: values.endToEndPerSecond,
      bound,
      kind: 'at-least',
      passed: values.endToEndPerSecond >= bound,
    },
  ];
  if (profile === 'embedded') {
    floors.push({
      name: 'p95 from ack to visible',
      unit: 'ms',
      measured: values.visibleP95Ms,
      bound: VISIBLE_P95_MS_CEILING,
      kind: 'below',
      passed: values.visibleP95Ms < VISIBLE_P95_MS_CEILING,
    });
  }
  return floors;
}

/** What an organization has set for itself, and what its operator grants it. */
import { parseTimeZone } from './calendar.ts';
import { AppError, type Fault } from './errors.ts';
import { WEEKDAYS, type Weekday } from './query.ts';

/**
 * What one organization may take, each within [minimum, maximum]. Absent in its settings: as the instance is configured. Rates hold for
 * the organization as a whole, over all its credentials and all instances.
 */
export const ORGANIZATION_LIMIT_BOUNDS = {
  /** Requests to the gateway. */
  requestsPer10s: { minimum: 1, maximum: 10_000_000 },
  /** Events sent, accepted or not; counted over ten seconds, so that a batch may hold ten seconds' worth. */
  eventsPerSecond: { minimum: 1, maximum: 100_000_000 },
  /** Bytes of bodies after inflation; counted over ten seconds. */
  bytesPerSecond: { minimum: 1_024, maximum: 100_000_000_000 },
  /** Questions under way at once, in one process. */
  questionsAtOnce: { minimum: 1, maximum: 1_000 },
  /** Rows that one statement of a question reads. */
  rowsReadMax: { minimum: 1, maximum: 1_000_000_000_000 },
  /** Memory of one statement. */
  memoryBytesMax: { minimum: 1_048_576, maximum: 1_000_000_000_000 },
  /** Time of one statement. */
  timeoutMs: { minimum: 100, maximum: 600_000 },
  /** Rows of one answer. */
  resultRowsMax: { minimum: 1, maximum: 10_000_000 },
} as const satisfies Readonly<Record<string, { readonly minimum: number; readonly maximum: number }>>;

export type OrganizationLimits = { readonly [Name in keyof typeof ORGANIZATION_LIMIT_BOUNDS]?: number };

export interface OrganizationSettings {
  /** Keys of packs; null: all that there are, also those of later releases. */
  readonly enabledPacks: readonly string[] | null;
  /** Changed by administrators of the operator alone. */
  readonly limits: OrganizationLimits;
  /** The month, 1 to 12, whose first day begins a fiscal year. */
  readonly fiscalYearStart: number;
  /** Of questions that name none; IANA. */
  readonly timeZone: string;
  /** Of questions that name none. */
  readonly weekStart: Weekday;
}

export const DEFAULT_ORGANIZATION_SETTINGS: OrganizationSettings = {
  enabledPacks: null,
  limits: {},
  fiscalYearStart: 1,
  timeZone: 'UTC',
  weekStart: 'monday',
};

export const ENABLED_PACKS_MAX = 200;
const PACK_KEY_LENGTH_MAX = 64;

type Report = (pointer: string, detail: string) => void;

/**
 * What is absent takes its default.
 * @throws invalid-request with every fault: wrong types, values out of bounds, members that are not known
 */
export function parseOrganizationSettings(value: unknown): OrganizationSettings {
  const faults: Fault[] = [];
  const report: Report = (pointer, detail) => void faults.push({ code: 'invalid-request', pointer, detail });
  const members = membersOf(value, '', Object.keys(DEFAULT_ORGANIZATION_SETTINGS), report);
  const { enabledPacks, limits, fiscalYearStart, timeZone, weekStart } = {
    ...DEFAULT_ORGANIZATION_SETTINGS,
    ...members,
  };
  const settings: OrganizationSettings = {
    enabledPacks: parsePacks(enabledPacks, report),
    limits: parseLimits(limits, report),
    fiscalYearStart: parseInteger(fiscalYearStart, 1, 12, '/fiscalYearStart', report),
    timeZone: parseZone(timeZone, report),
    weekStart: parseWeekStart(weekStart, report),
  };
  if (faults.length === 0) return settings;
  const list = faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  throw new AppError('invalid-request', list, { faults });
}

function parsePacks(value: unknown, report: Report): readonly string[] | null {
  if (value === null) return null;
  const keys: readonly unknown[] = Array.isArray(value) ? value : [];
  const isKey = (key: unknown) =>
    typeof key === 'string' && key.length > 0 && key.length <= PACK_KEY_LENGTH_MAX;
  if (!Array.isArray(value) || keys.length > ENABLED_PACKS_MAX || !keys.every(isKey)) {
    report('/enabledPacks', `must be null or at most ${ENABLED_PACKS_MAX} keys of packs`);
    return null;
  }
  return [...new Set(keys as readonly string[])].toSorted((a, b) => (a < b ? -1 : 1));
}

function parseLimits(value: unknown, report: Report): OrganizationLimits {
  const members = membersOf(value, '/limits', Object.keys(ORGANIZATION_LIMIT_BOUNDS), report);
  const limits: Record<string, number> = {};
  for (const [name, { minimum, maximum }] of Object.entries(ORGANIZATION_LIMIT_BOUNDS)) {
    if (members[name] === undefined) continue;
    limits[name] = parseInteger(members[name], minimum, maximum, `/limits/${name}`, report);
  }
  return limits;
}

function parseInteger(
  value: unknown,
  minimum: number,
  maximum: number,
  pointer: string,
  report: Report,
): number {
  const isWithin =
    typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum;
  if (isWithin) return value;
  report(pointer, `must be a whole number, ${minimum} to ${maximum}`);
  return minimum;
}

function parseZone(value: unknown, report: Report): string {
  const zone = typeof value === 'string' ? parseTimeZone(value) : null;
  if (zone === null) report('/timeZone', 'must be the IANA name of a time zone, as Europe/Berlin');
  return zone ?? DEFAULT_ORGANIZATION_SETTINGS.timeZone;
}

function parseWeekStart(value: unknown, report: Report): Weekday {
  const weekday = WEEKDAYS.find((name) => name === value);
  if (weekday === undefined) report('/weekStart', `must be one of ${WEEKDAYS.join(', ')}`);
  return weekday ?? DEFAULT_ORGANIZATION_SETTINGS.weekStart;
}

function membersOf(
  value: unknown,
  pointer: string,
  known: readonly string[],
  report: Report,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(pointer, 'must be an object');
    return {};
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(members)) {
    if (!known.includes(name)) report(`${pointer}/${name}`, `is not known; there are ${known.join(', ')}`);
  }
  return members;
}

/** What the attacks themselves have added, by what they were answered: the books must agree. */
import type { JsonCalls, JsonObject } from './json-calls.ts';
import type { PlannedRequest } from './plan.ts';
import type { RawAnswer } from './raw-http.ts';
import type { Tenant } from './world.ts';

const SETTLED_DEADLINE_MS = 60_000;
const ASK_AGAIN_MS = 500;
const REPLAY = /dead-letters(?:\/[^/]+)?\/replay/;

export interface Books {
  readonly organization: string;
  readonly accepted: number;
  /** Dead letters sent in again: one that is repeated may be counted again or not. */
  readonly replayed: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly inFlight: number;
  readonly residue: number;
  /** What came as it was told to, is where it belongs, and is counted once. */
  readonly areBalanced: boolean;
}

export class Accepted {
  readonly #events = new Map<string, number>();
  readonly #replays = new Map<string, number>();

  take(
    { caller: { organization } }: Pick<PlannedRequest, 'caller'>,
    target: string,
    answer: RawAnswer,
  ): void {
    if (organization === null || (answer.status !== 200 && answer.status !== 202)) return;
    const body = parseObject(answer.body);
    const { accepted, received, replayed } = body;
    if (typeof accepted === 'number' && typeof received === 'number')
      add(this.#events, organization, accepted);
    else if (REPLAY.test(target))
      add(this.#replays, organization, typeof replayed === 'number' ? replayed : 1);
  }

  /** Waits until nothing is in flight, a minute at most. */
  async books(calls: JsonCalls, { id, admin, seed }: Tenant, nowMs: () => number): Promise<Books> {
    const accepted = seed.accepted + (this.#events.get(id) ?? 0);
    const replayed = this.#replays.get(id) ?? 0;
    const deadlineMs = nowMs() + SETTLED_DEADLINE_MS;
    for (;;) {
      const ledger = await calls.send('GET', '/api/v1/ledger', admin.key ?? '');
      const total = ledger['total'] as Readonly<Record<string, number>>;
      const figure = (name: string): number => total[name] ?? Number.NaN;
      const [acknowledged, inFlight, residue] = [
        figure('acknowledged'),
        figure('inFlight'),
        figure('residue'),
      ];
      const settled = figure('stored') + figure('duplicate') + figure('rejected') + figure('dead');
      const areBalanced =
        inFlight === 0 &&
        residue === 0 &&
        settled === figure('received') &&
        acknowledged >= accepted &&
        acknowledged <= accepted + replayed;
      if (areBalanced || nowMs() > deadlineMs)
        return {
          organization: id,
          accepted,
          replayed,
          acknowledged,
          stored: figure('stored'),
          inFlight,
          residue,
          areBalanced,
        };
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

function add(counts: Map<string, number>, organization: string, count: number): void {
  counts.set(organization, (counts.get(organization) ?? 0) + count);
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
  } catch {
    // An export, or nothing at all: no receipt.
    return {};
  }
}

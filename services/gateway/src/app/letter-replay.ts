import { AppError, assertThat, DAY_MS, isAppError, SECOND_MS } from '@tidemark/core';
import type { Clock, OrganizationId } from '@tidemark/core';
import type { Bus, Coordinate } from '@tidemark/bus';
import { EVENTS_TOPIC, LETTERS_PER_REPLAY_MAX } from '@tidemark/contracts';
import type { BulkReplayed, EventLimits } from '@tidemark/contracts';
import type { DeadLetterStore, DeadLetterState, LetterCursor, LetterFilter } from '@tidemark/warehouse';
import { prepareReplay } from '../domain/letter-event.ts';
import type { ReceiptCounter } from './receipt-counter.ts';
import { createReplayClaims } from './replay-claims.ts';
import type { Claimed, Ready, ReplayClaims } from './replay-claims.ts';

/** Letters published together. */
const REPLAY_CHUNK_LETTERS = 50;
/** No further chunk of a call begins after this: the caller goes on with the cursor. */
const REPLAY_MS_MAX = 20 * SECOND_MS;
const RETRY_AFTER_SECONDS = 2;
/** What many are looked for among: also those whose replay was begun and, for all that is known, not ended. */
const UNSETTLED: readonly DeadLetterState[] = ['open', 'replaying'];

export interface LetterReplayDependencies {
  readonly bus: Pick<Bus, 'publish'>;
  readonly letters: DeadLetterStore;
  readonly receipts: ReceiptCounter;
  readonly clock: Clock;
  /** Those of ingest. */
  readonly limits: EventLimits;
}

export interface BulkFilter extends Omit<LetterFilter, 'organization' | 'states'> {
  readonly organization: OrganizationId;
}

export interface LetterReplay {
  /**
   * Sends the letter's event, or the mended one, into the log again; durable on return. Whatever is killed meanwhile and however often it is
   * tried again, the letter becomes one event: see `ReplayClaims`.
   *
   * @throws the code of the event with all its faults when it is still not acceptable: the letter stays as it is; conflict when it was
   * replayed as another event, or longer ago than copies are surely recognised; bus-unavailable, warehouse-unavailable, insert-in-doubt,
   * catalog-unavailable: replay it again within the hour
   */
  one(
    letter: Ready['letter'],
    mended: { readonly event: unknown } | null,
  ): Promise<{ readonly attempt: number; readonly coordinate: Coordinate }>;
  /** The unsettled letters that match, at most `LETTERS_PER_REPLAY_MAX` of them. @throws as `one`, but for what one letter alone is refused for */
  matching(filter: BulkFilter, after: LetterCursor | null): Promise<BulkReplay>;
}

export interface BulkReplay extends Omit<BulkReplayed, 'cursor'> {
  /** Where the next call goes on; null when no more letters match. */
  readonly next: LetterCursor | null;
}

export function createLetterReplay(dependencies: LetterReplayDependencies): LetterReplay {
  const { letters, clock, limits } = dependencies;
  const claims = createReplayClaims(letters);
  return {
    async one(letter, mended) {
      const nowMs = clock.nowMs();
      const { organization } = letter;
      const replayable = prepareReplay(letter, mended, { organization, nowMs, limits });
      if (!replayable.ok) {
        throw new AppError(replayable.code, replayable.detail, { faults: replayable.faults });
      }
      const { claimed, refused } = await claims.claim([{ letter, replayable }], nowMs);
      for (const { detail } of refused) throw new AppError('conflict', detail);
      const [coordinate] = await send(dependencies, claims, organization, claimed, nowMs);
      assertThat(coordinate !== undefined, 'one record has one coordinate');
      return { attempt: replayable.attempt, coordinate };
    },

    async matching(filter, after) {
      const startedAtMs = clock.nowMs();
      const { organization } = filter;
      const heads = await letters.search(
        { ...filter, states: UNSETTLED },
        { limit: LETTERS_PER_REPLAY_MAX, after },
      );
      const refused: BulkReplayed['refused'] = [];
      let replayed = 0;
      let seen = 0;
      while (seen < heads.length) {
        const nowMs = clock.nowMs();
        if (seen > 0 && nowMs - startedAtMs > REPLAY_MS_MAX) break;
        const chunk = heads.slice(seen, seen + REPLAY_CHUNK_LETTERS);
        const ready: Ready[] = [];
        for (const { id } of chunk) {
          const letter = await letters.find(organization, id);
          // Somebody else was faster.
          if (letter === null || !UNSETTLED.includes(letter.state)) continue;
          const replayable = prepareReplay(letter, null, { organization, nowMs, limits });
          if (replayable.ok) ready.push({ letter: { ...letter, organization }, replayable });
          else refused.push({ id, code: replayable.code, detail: replayable.detail });
        }
        const { claimed, refused: late } = await claims.claim(ready, nowMs);
        for (const { id, detail } of late) refused.push({ id, code: 'conflict', detail });
        await send(dependencies, claims, organization, claimed, nowMs);
        replayed += claimed.length;
        seen += chunk.length;
      }
      const last = heads[seen - 1];
      const isDone = seen === heads.length && heads.length < LETTERS_PER_REPLAY_MAX;
      const next = isDone || last === undefined ? null : { arrivedAtMs: last.arrivedAtMs, id: last.id };
      return { replayed, refused, next };
    },
  };
}

/** Published, then counted, then noted: what fails in between is done again with the next try, which changes no number. */
async function send(
  { bus, receipts }: LetterReplayDependencies,
  claims: ReplayClaims,
  organization: OrganizationId,
  claimed: readonly Claimed[],
  nowMs: number,
): Promise<readonly Coordinate[]> {
  if (claimed.length === 0) return [];
  const records = claimed.map(({ replayable }) => replayable.record);
  let coordinates: readonly Coordinate[];
  try {
    coordinates = await bus.publish(EVENTS_TOPIC, records);
  } catch (error) {
    if (!isAppError(error, 'bus-unavailable')) throw error;
    throw new AppError(
      'bus-unavailable',
      'the replayed events may not be durable; replay them again, within the hour',
      { cause: error, retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }
  await receipts.acknowledge(organization, nowMs - (nowMs % DAY_MS), records.length);
  await claims.settle(claimed, nowMs);
  return coordinates;
}

/** Decides, durably and before anything is published, as which event a letter is replayed: so it never becomes two. */
import { HOUR_MS } from '@tidemark/core';
import type { OrganizationId } from '@tidemark/core';
import type { DeadLetterStore, LetterHead, LetterReplayed, StoredLetter } from '@tidemark/warehouse';
import type { Replayable } from '../domain/letter-event.ts';

/**
 * How long after the first try of a replay it may be tried again, for an answer that was lost: the least dedupe window there is. Later, the
 * copy might not be recognised any more and would count.
 */
const REPLAY_AGAIN_MS = HOUR_MS;

export interface Ready {
  readonly letter: StoredLetter & { readonly organization: OrganizationId };
  readonly replayable: Extract<Replayable, { ok: true }>;
}

export interface Claimed extends Ready {
  readonly replay: LetterReplayed;
}

export interface ReplayClaims {
  /**
   * Durable on return: whatever becomes of this process, a claimed letter is replayed again only as the same event, and only while its
   * copy is surely recognised. At most `REPLAY_CHUNK_LETTERS`, of one organization.
   * @throws warehouse-unavailable, insert-in-doubt: nothing may be published; claim again
   */
  claim(
    ready: readonly Ready[],
    nowMs: number,
  ): Promise<{
    readonly claimed: readonly Claimed[];
    readonly refused: readonly { readonly id: string; readonly detail: string }[];
  }>;
  /** Call when the events are durable. @throws warehouse-unavailable, insert-in-doubt */
  settle(claimed: readonly Claimed[], nowMs: number): Promise<void>;
}

/**
 * The store keeps the claim that began first. Claims of one process are made in turn, each seeing those before it. Of two processes that
 * claim a letter at once as different events, the one that finds another claim standing than its own publishes nothing.
 */
export function createReplayClaims(letters: DeadLetterStore): ReplayClaims {
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = last.then(body);
    // Who waits for the turn is told of its failure.
    last = turn.catch(() => null);
    return turn;
  }

  async function claim(ready: readonly Ready[], nowMs: number) {
    const before = await headsOf(ready);
    const fresh = ready.filter(({ letter }) => before.get(letter.id)?.replay === null);
    await letters.setState(
      fresh.map(({ letter, replayable: { source, id } }) => ({
        ...letter,
        state: 'replaying',
        replay: { sinceMs: nowMs, source, id },
        changedAtMs: nowMs,
      })),
    );
    const standing = new Map([...before, ...(await headsOf(fresh))]);
    const claimed: Claimed[] = [];
    const refused: { readonly id: string; readonly detail: string }[] = [];
    for (const one of ready) {
      const head = standing.get(one.letter.id);
      const replay = head?.replay ?? null;
      const detail =
        head === undefined || replay === null
          ? 'the letter is not there any more'
          : faultOf({ state: head.state, replay }, one.replayable, nowMs);
      if (detail !== null) refused.push({ id: one.letter.id, detail });
      else if (replay !== null) claimed.push({ ...one, replay });
    }
    return { claimed, refused };
  }

  async function headsOf(ready: readonly Ready[]): Promise<ReadonlyMap<string, LetterHead>> {
    const heads = await letters.reread(ready.map(({ letter }) => letter));
    return new Map(heads.map((head) => [head.id, head]));
  }

  return {
    claim: (ready, nowMs) => inTurn(() => claim(ready, nowMs)),
    settle: (claimed, nowMs) =>
      letters.setState(
        claimed.map(({ letter, replay }) => ({ ...letter, state: 'replayed', replay, changedAtMs: nowMs })),
      ),
  };
}

/** Why the letter must not be replayed as this event; null when it may. */
function faultOf(
  { state, replay }: Pick<LetterHead, 'state'> & { readonly replay: LetterReplayed },
  { source, id }: Pick<LetterReplayed, 'source' | 'id'>,
  nowMs: number,
): string | null {
  const asWhat = `source ${JSON.stringify(replay.source)}, id ${JSON.stringify(replay.id)}`;
  const when = new Date(replay.sinceMs).toISOString();
  if (replay.source !== source || replay.id !== id) {
    return `the letter was replayed at ${when} as the event ${asWhat}: as another event it would count again`;
  }
  if (nowMs - replay.sinceMs <= REPLAY_AGAIN_MS) return null;
  if (state === 'replayed') return `the letter was replayed at ${when}: a copy might count again now`;
  return `a replay of the letter was begun at ${when} and not seen to end: a copy might count again now; if the event ${asWhat} is not stored, send it as a new event`;
}

/** Dead letters in memory, kept as the port says, for this service's tests. */
import type { OrganizationId } from '@tidemark/core';
import { letterVersion } from '@tidemark/warehouse';
import type { DeadLetterStore, LetterFilter, LetterHead, StoredLetter } from '@tidemark/warehouse';

function matches(letter: StoredLetter, filter: LetterFilter): boolean {
  const { states, code, eventType, fromMs = 0, toMs = Number.POSITIVE_INFINITY, contains } = filter;
  const text = [letter.detail, letter.eventId, letter.eventSource, letter.value.toString('utf8')].join('\n');
  return (
    letter.organization === filter.organization &&
    (states === undefined || states.includes(letter.state)) &&
    (code === undefined || letter.code === code) &&
    (eventType === undefined || letter.eventType === eventType) &&
    letter.arrivedAtMs >= fromMs &&
    letter.arrivedAtMs < toMs &&
    (contains === undefined || text.includes(contains))
  );
}

function compareLetters(
  a: { readonly arrivedAtMs: number; readonly id: string },
  b: { readonly arrivedAtMs: number; readonly id: string },
): number {
  if (a.arrivedAtMs !== b.arrivedAtMs) return b.arrivedAtMs - a.arrivedAtMs;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

export interface MemoryLetters extends DeadLetterStore {
  readonly all: () => readonly StoredLetter[];
}

export function createMemoryLetters(): MemoryLetters {
  const letters = new Map<string, StoredLetter>();
  const keyOf = (organization: OrganizationId | null, id: string) => JSON.stringify([organization, id]);
  const matching = (filter: LetterFilter) =>
    [...letters.values()].filter((letter) => matches(letter, filter)).toSorted(compareLetters);
  return {
    all: () => [...letters.values()],
    async add(added) {
      for (const letter of added) {
        const key = keyOf(letter.organization, letter.id);
        if (!letters.has(key)) letters.set(key, letter);
      }
    },
    search: async (filter, { limit, after }) =>
      matching(filter)
        .filter((letter) => after === null || compareLetters(after, letter) < 0)
        .slice(0, limit)
        .map(toHead),
    async count(filter) {
      const counts = new Map<string, number>();
      for (const { code, state } of matching(filter)) {
        const key = JSON.stringify([code, state]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      return [...counts].map(([key, count]) => {
        const [code, state] = JSON.parse(key) as [StoredLetter['code'], StoredLetter['state']];
        return { code, state, letters: count };
      });
    },
    find: async (organization, id) => letters.get(keyOf(organization, id)) ?? null,
    reread: async (some) =>
      some.flatMap(({ organization, id }) => letters.get(keyOf(organization, id)) ?? []).map(toHead),
    async setState(changed) {
      for (const letter of changed) {
        const key = keyOf(letter.organization, letter.id);
        const known = letters.get(key);
        if (known === undefined || letterVersion(letter) >= letterVersion(known)) letters.set(key, letter);
      }
    },
  };
}

function toHead({ headers: _headers, value: _value, ...head }: StoredLetter): LetterHead {
  return head;
}

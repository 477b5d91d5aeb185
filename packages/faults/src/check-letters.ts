/** I1, I2 and I6 of what was refused: each item of an acknowledged answer is one dead letter, of its owner alone. */
import { deadLetterId, EVENTS_TOPIC } from '@tidemark/contracts';
import type { Findings } from './findings.ts';
import type { FoundLetter } from './questions.ts';
import type { LetterTopic } from './read-log.ts';
import { REJECTS_SOURCE, type RejectOutcome } from './rejects.ts';
import { ORGANIZATION_NAMES } from './slots.ts';
import type { StoredLetterCount } from './stored-rows.ts';

/** How many of the acknowledged ones are not among the letters yet. */
export function countMissing(
  letters: readonly FoundLetter[],
  outcomes: ReadonlyMap<string, RejectOutcome>,
): number {
  const found = new Set(letters.map(({ eventId }) => eventId));
  return [...outcomes].filter(([id, outcome]) => outcome === 'acknowledged' && !found.has(id)).length;
}

/** @param letters all that the organization sees */
export function checkLetters(
  letters: readonly FoundLetter[],
  outcomes: ReadonlyMap<string, RejectOutcome>,
  organization: number,
  findings: Findings,
): void {
  const name = ORGANIZATION_NAMES[organization];
  const times = new Map<string, number>();
  for (const letter of letters) {
    findings.checked('I6');
    if (letter.organization !== name)
      findings.violated('I6', 'a dead letter of another organization is shown', { to: name, letter });
    if (letter.stage !== 'ingest') continue;
    const id = letter.eventSource === REJECTS_SOURCE ? (letter.eventId ?? '') : '';
    if (outcomes.has(id)) times.set(id, (times.get(id) ?? 0) + 1);
    else findings.violated('I2', 'a dead letter of what was never sent', { organization: name, letter });
  }
  for (const [id, outcome] of outcomes) {
    const found = times.get(id) ?? 0;
    if (outcome === 'acknowledged') findings.checked('I1');
    if (outcome === 'acknowledged' && found === 0)
      findings.violated('I1', 'what was rejected is in no dead letter', { organization: name, id });
    findings.checked('I2');
    if (found > 1)
      findings.violated('I2', 'what was rejected once is in several dead letters', {
        organization: name,
        id,
        found,
      });
  }
}

/** Records that are no events, put on the log by a fault. @param letters of nobody */
export function checkPoison(
  letters: readonly Pick<FoundLetter, 'id'>[],
  places: readonly { readonly partition: number; readonly offset: number }[],
  findings: Findings,
): void {
  for (const place of places) {
    const id = deadLetterId({ topic: EVENTS_TOPIC, ...place });
    const found = letters.filter((letter) => letter.id === id).length;
    findings.checked('I1');
    if (found !== 1)
      findings.violated('I1', 'a record that is no event is not one dead letter', { ...place, found });
  }
}

/** The store against the topic. */
export function checkLetterStore(
  { owners, unreadable }: Pick<LetterTopic, 'owners' | 'unreadable'>,
  stored: readonly StoredLetterCount[],
  findings: Findings,
): void {
  if (unreadable > 0)
    findings.violated('I1', 'the topic of the dead letters holds what is no letter', { records: unreadable });
  const left = new Map(owners);
  for (const letter of stored) {
    findings.checked('I2');
    if (letter.copies !== 1)
      findings.violated('I2', 'a dead letter is in the store more than once', { ...letter });
    const owner = left.get(letter.id);
    if (owner !== letter.organization)
      findings.violated('I2', 'the store has a dead letter that the topic has not', {
        ...letter,
        ownerInTopic: owner ?? null,
      });
    left.delete(letter.id);
  }
  findings.checked('I1', owners.size);
  for (const [id, organization] of left)
    findings.violated('I1', 'a dead letter of the topic is not in the store', { id, organization });
}

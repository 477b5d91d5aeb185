/** From records of the topic of dead letters to letters as they are kept: pure, so a replay gives the same letters. */
import type { BusRecord } from '@tidemark/bus';
import { DEAD_LETTERS_TOPIC, deadLetterId, EVENT_TIME_END_MS, parseDeadLetter } from '@tidemark/contracts';
import type { DeadLetter } from '@tidemark/contracts';
import { DAY_MS } from '@tidemark/core';
import type { StoredLetter } from '@tidemark/warehouse';

/** A letter with the record it came in. */
export interface ArrivedLetter {
  readonly record: BusRecord;
  readonly letter: StoredLetter;
}

/** What the column of attempts holds. */
const ATTEMPT_MAX = 0xff_ff_ff_ff;

/** What is no letter is kept too, as a letter of nobody: whatever is in the topic can be found and looked at. */
export function toArrivedLetter(partition: number, record: BusRecord): ArrivedLetter {
  const letter = parseDeadLetter(record.value);
  if (letter === null) return letterOfNobody(partition, record, 'the record is not a dead letter');
  if (letter.arrivedAtMs >= EVENT_TIME_END_MS || letter.attempt > ATTEMPT_MAX)
    return letterOfNobody(partition, record, 'the arrival or the attempt of the letter is out of range');
  return { record, letter: toStored(letter) };
}

/** The record as a letter that only operators see. Its id is its own coordinate, so it is kept once. */
export function letterOfNobody(partition: number, record: BusRecord, detail: string): ArrivedLetter {
  const { offset, headers, value, timestampMs } = record;
  const isInRange = timestampMs >= 0 && timestampMs < EVENT_TIME_END_MS;
  const letter = toStored({
    id: deadLetterId({ topic: DEAD_LETTERS_TOPIC, partition, offset }),
    organization: null,
    stage: 'aggregator',
    code: 'record-unreadable',
    detail,
    attempt: 1,
    arrivedAtMs: isInRange ? timestampMs : 0,
    eventType: '',
    eventSource: '',
    eventId: '',
    headers,
    value,
  });
  return { record, letter };
}

/** Letters that may be written together: the store takes those of one UTC day of arrival at a time. */
export function byArrivalDay(arrived: readonly ArrivedLetter[]): readonly (readonly ArrivedLetter[])[] {
  const days = new Map<number, ArrivedLetter[]>();
  for (const one of arrived) {
    const day = Math.floor(one.letter.arrivedAtMs / DAY_MS);
    const sameDay = days.get(day);
    if (sameDay === undefined) days.set(day, [one]);
    else sameDay.push(one);
  }
  return [...days.values()];
}

function toStored(letter: DeadLetter): StoredLetter {
  return { ...letter, state: 'open', replay: null, changedAtMs: letter.arrivedAtMs };
}

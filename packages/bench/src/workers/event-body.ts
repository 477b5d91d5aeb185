/** Bodies that cost little to make new: the text stays, ids and times are written over it. */
import { createRandom, EVENT_TYPE, eventTimeMs, sampleData, type EventTimes } from '../sample-events.ts';

const ID_DIGITS = 12;
const ID_PLACE = '0'.repeat(ID_DIGITS);
const TIME_PLACE = new Date(0).toISOString();

export interface EventBodyOptions {
  readonly eventsPerRequest: number;
  readonly source: string;
  readonly seed: number;
  readonly times: EventTimes;
}

export interface EventBody {
  /** Valid until the next call. */
  stamp(firstNumber: number, nowMs: number): Buffer;
}

/** CloudEvents of the JSON format; one alone is not wrapped into an array. */
export function createEventBody({ eventsPerRequest, source, seed, times }: EventBodyOptions): EventBody {
  const random = createRandom(seed);
  const idAt: number[] = [];
  const timeAt: number[] = [];
  let text = eventsPerRequest === 1 ? '' : '[';
  for (let index = 0; index < eventsPerRequest; index += 1) {
    if (index > 0) text += ',';
    text += '{"specversion":"1.0","id":"';
    idAt.push(text.length);
    text += `${ID_PLACE}","source":${JSON.stringify(source)},"type":"${EVENT_TYPE}","time":"`;
    timeAt.push(text.length);
    text += `${TIME_PLACE}","data":${JSON.stringify(sampleData(random))}}`;
  }
  if (eventsPerRequest > 1) text += ']';
  const body = Buffer.from(text, 'latin1');
  return {
    stamp(firstNumber, nowMs) {
      const now = times.kind === 'now' ? new Date(nowMs).toISOString() : null;
      for (let index = 0; index < eventsPerRequest; index += 1) {
        const number = firstNumber + index;
        body.write(String(number).padStart(ID_DIGITS, '0'), idAt[index] as number, 'latin1');
        const time = now ?? new Date(eventTimeMs(times, number, nowMs)).toISOString();
        body.write(time, timeAt[index] as number, 'latin1');
      }
      return body;
    },
  };
}

/** What an event says, as a number: by it a row, a record and a request are told to say the same. */
import type { DecodedEvent } from '@tidemark/contracts';
import { hash32 } from './random.ts';

/** As raw keeps it. */
export interface SaidInRaw {
  readonly type: string;
  /** '' when there is none. */
  readonly subject: string;
  /** `YYYY-MM-DD hh:mm:ss.nnnnnnnnn`, UTC. */
  readonly time: string;
  readonly extensions: Readonly<Record<string, string>>;
  readonly data: unknown;
}

/** Of everything but the identity. 32 bits: one difference in four milliards stays unseen, and none is imagined. */
export function contentOfRow({ type, subject, time, extensions, data }: SaidInRaw): number {
  return hash32(JSON.stringify([type, subject, time, canonical(extensions), canonical(data)]));
}

/** Two copies with different ones are a conflict. The time is left out, as the product does: senders may leave it out, too. */
export function contentOfRecord({
  type,
  subject,
  extensions,
  dataText,
}: Pick<DecodedEvent, 'type' | 'subject' | 'extensions' | 'dataText'>): number {
  return hash32(JSON.stringify([type, subject, canonical(extensions), dataText]));
}

/** Members in order. The JSON type of the engine keeps neither members that are null nor objects without members, and nobody can ask for these. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(canonical);
  const members = Object.entries(value as Readonly<Record<string, unknown>>)
    .map(([name, member]) => [name, canonical(member)] as const)
    .filter(([, member]) => member !== null && !isEmpty(member))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  // Pairs, for an object would put names that are numbers first.
  return { members };
}

function isEmpty(member: unknown): boolean {
  return (
    typeof member === 'object' &&
    member !== null &&
    !Array.isArray(member) &&
    (member as { readonly members: readonly unknown[] }).members.length === 0
  );
}

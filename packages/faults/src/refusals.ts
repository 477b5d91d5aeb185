/** I8: who is refused is told 429 or 503 and when to come again; and which limit it was, counted. */
import type { Findings } from './findings.ts';
import type { HttpAnswer } from './http.ts';

/** Different refusals that are told apart; the others are counted together. */
const KINDS_MAX = 50;
const OTHERS = 'others';

export class Refusals {
  readonly #findings: Findings;
  readonly #counts = new Map<string, number>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** @param request what was refused, for people */
  take(answer: HttpAnswer, request: Readonly<Record<string, unknown>>): void {
    const { status, headers, body } = answer;
    const kind = kindOf(answer);
    const known = this.#counts.has(kind) || this.#counts.size < KINDS_MAX ? kind : OTHERS;
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + 1);
    this.#findings.checked('I8');
    const evidence = { ...request, status, body };
    if (status !== 429 && status !== 503)
      this.#findings.violated('I8', 'a request was refused with another status', evidence);
    else if (!isWhole(headers['retry-after']))
      this.#findings.violated('I8', 'a refusal does not say when to come again', {
        ...evidence,
        retryAfter: headers['retry-after'] ?? null,
      });
  }

  /** By status, code and detail, with its numbers left out. */
  figures(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function kindOf({ status, body }: HttpAnswer): string {
  const text = (name: string): string => (typeof body[name] === 'string' ? body[name] : '');
  return `${status} ${text('code')}: ${text('detail').replaceAll(/\d+/g, 'N')}`;
}

function isWhole(text: string | undefined): boolean {
  return text !== undefined && /^\d+$/.test(text);
}

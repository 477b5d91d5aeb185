/** What was found wrong, for people: the request can be sent again from it. */
import type { Evidence } from './tally.ts';

export function renderEvidence({
  serial,
  breach,
  operation,
  caller,
  attack,
  detail,
  request,
}: Evidence): string {
  const head = `[${serial}] ${breach}: ${operation}, ${caller}, ${attack}`;
  return [head, detail, request].join('\n').replaceAll('\n', '\n    ');
}

import { DAY_MS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import {
  LEDGER_DAYS_DEFAULT,
  LEDGER_DAYS_MAX,
  LedgerAnswerSchema,
  LedgerParametersSchema,
} from '@tidemark/contracts';
import type { LedgerParameters } from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import { reportLedger } from '../app/ledger-report.ts';
import type { LedgerReportDependencies } from '../app/ledger-report.ts';
import type { Access } from './access.ts';
import { readInstant, readRange, refusal, toInstant } from './ranges.ts';
import { problemResponses } from './responses.ts';

export interface LedgerRoutesOptions extends LedgerReportDependencies {
  readonly access: Access;
  readonly clock: Clock;
}

export function registerLedgerRoutes(app: HttpServer, options: LedgerRoutesOptions): void {
  const { access, clock } = options;
  app.get(
    '/api/v1/ledger',
    {
      onRequest: access.requires('viewer'),
      schema: {
        tags: ['Operations'],
        summary: 'What became of every event received, by day of arrival',
        querystring: LedgerParametersSchema,
        response: { 200: LedgerAnswerSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const nowMs = clock.nowMs();
      const range = readDays(request.query, nowMs);
      return reply
        .header('cache-control', 'private, no-store')
        .send(await reportLedger(options, { organization, ...range }, nowMs));
    },
  );
}

/** Dates, so starts of UTC days. @throws invalid-request */
function readDays(asked: LedgerParameters, nowMs: number): { fromMs: number; toMs: number } {
  const to = asked.to ?? toDate(nowMs + DAY_MS);
  if (asked.from !== undefined)
    return readRange({ from: asked.from, to }, { nowMs, daysMax: LEDGER_DAYS_MAX });
  const faults: Parameters<typeof readInstant>[3] = [];
  const toMs = readInstant(to, 'to', nowMs, faults);
  if (toMs === null) throw refusal(faults);
  return { fromMs: toMs - LEDGER_DAYS_DEFAULT * DAY_MS, toMs };
}

function toDate(ms: number): string {
  return toInstant(ms).slice(0, 10);
}

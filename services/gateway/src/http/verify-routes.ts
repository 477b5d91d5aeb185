import { DAY_MS, HOUR_MS, TIERS } from '@tidemark/core';
import type { Clock } from '@tidemark/core';
import { VERIFY_HOURS_MAX, VerifiedSchema, VerifyRequestSchema } from '@tidemark/contracts';
import type { Catalogues } from '@tidemark/query';
import type { HttpServer } from '@tidemark/runtime';
import { verifyRange } from '../app/verify.ts';
import type { VerifyDependencies } from '../app/verify.ts';
import type { QuestionGate } from '../app/question-gate.ts';
import type { Access } from './access.ts';
import { readRange } from './ranges.ts';
import { problemResponses } from './responses.ts';

export interface VerifyRoutesOptions {
  readonly verify: Omit<VerifyDependencies, 'catalogue'>;
  /** For one such task of an organization at a time. */
  readonly gate: QuestionGate;
  readonly access: Access;
  readonly catalogues: Pick<Catalogues, 'of'>;
  readonly clock: Clock;
}

export function registerVerifyRoutes(app: HttpServer, options: VerifyRoutesOptions): void {
  const { verify, gate, access, catalogues, clock } = options;
  app.post(
    '/api/v1/analytics/verify',
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: ['Rollups'],
        summary: 'Hold the rollups of a range of event time to raw, and look for events that are there twice',
        body: VerifyRequestSchema,
        response: { 200: VerifiedSchema, ...problemResponses(400, 401, 403, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { tiers = TIERS, duplicates = true } = request.body;
      const daysMax = (VERIFY_HOURS_MAX * HOUR_MS) / DAY_MS;
      const range = readRange(request.body, { nowMs: clock.nowMs(), daysMax });
      const { catalogue } = await catalogues.of(organization);
      const verified = await gate.pass(organization, () =>
        verifyRange(
          { ...verify, catalogue },
          { organization, ...range },
          { tiers: [...new Set(tiers)], duplicates },
        ),
      );
      return reply.header('cache-control', 'private, no-store').send(verified);
    },
  );
}

import Type from 'typebox';
import type { AuditLog } from '@tidemark/catalog';
import { AppError } from '@tidemark/core';
import type { Clock, Fault, OrganizationId, Principal } from '@tidemark/core';
import {
  BulkReplayedSchema,
  BulkReplayRequestSchema,
  LETTERS_PER_PAGE_DEFAULT,
  LETTERS_PER_REPLAY_MAX,
  LetterFilterSchema,
  LetterListSchema,
  LetterSchema,
  LetterScopeSchema,
  LetterSearchSchema,
  LetterSummarySchema,
  ReplayedSchema,
  ReplayRequestSchema,
} from '@tidemark/contracts';
import type { LetterFilterParameters } from '@tidemark/contracts';
import type { HttpServer } from '@tidemark/runtime';
import type { DeadLetterStore, LetterFilter, StoredLetter } from '@tidemark/warehouse';
import type { LetterReplay } from '../app/letter-replay.ts';
import type { Access } from './access.ts';
import { decodeCursor, encodeCursor, toHead, toLetter } from './letter-wire.ts';
import { readInstant, refusal } from './ranges.ts';
import { problemResponses } from './responses.ts';

const PATH = '/api/v1/dead-letters';
const TAGS = ['Dead letters'];
const NO_STORE = 'private, no-store';
const IdSchema = Type.Object({ id: Type.String({ description: 'Percent-encoded' }) });

export interface LetterRoutesOptions {
  readonly letters: DeadLetterStore;
  readonly replay: LetterReplay;
  readonly auditLog: Pick<AuditLog, 'append'>;
  readonly access: Access;
  readonly clock: Clock;
  /** Whose administrators see the letters that do not say whose they are. */
  readonly operatorOrganization: string;
}

export function registerLetterRoutes(app: HttpServer, options: LetterRoutesOptions): void {
  registerReading(app, options);
  registerReplay(app, options);
  registerBulkReplay(app, options);
  registerDiscard(app, options);
}

function registerReading(app: HttpServer, options: LetterRoutesOptions): void {
  const { letters, access, clock } = options;
  const onRequest = access.requires('admin');
  app.get(
    PATH,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'Search dead letters',
        querystring: LetterSearchSchema,
        response: { 200: LetterListSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { limit = LETTERS_PER_PAGE_DEFAULT, cursor, ...asked } = request.query;
      const filter = toFilter(asked, scopeOf(access.principalOf(request), asked, options), clock.nowMs());
      const found = await letters.search(filter, { limit, after: decodeCursor(cursor) });
      const last = found.at(-1);
      return reply.header('cache-control', NO_STORE).send({
        deadLetters: found.map(toHead),
        cursor: found.length === limit && last !== undefined ? encodeCursor(last) : null,
      });
    },
  );
  app.get(
    `${PATH}/summary`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'Count dead letters by code and state',
        querystring: LetterFilterSchema,
        response: { 200: LetterSummarySchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const asked = request.query;
      const filter = toFilter(asked, scopeOf(access.principalOf(request), asked, options), clock.nowMs());
      const counts = await letters.count(filter);
      const total = counts.reduce((sum, count) => sum + count.letters, 0);
      return reply.header('cache-control', NO_STORE).send({ counts: [...counts], total });
    },
  );
  app.get(
    `${PATH}/:id`,
    {
      onRequest,
      schema: {
        tags: TAGS,
        summary: 'One dead letter, with what it holds',
        params: IdSchema,
        querystring: LetterScopeSchema,
        response: { 200: LetterSchema, ...problemResponses(400, 401, 403, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const organization = scopeOf(access.principalOf(request), request.query, options);
      const letter = await findLetter(letters, organization, request.params.id);
      return reply.header('cache-control', NO_STORE).send(toLetter(letter));
    },
  );
}

function registerReplay(app: HttpServer, options: LetterRoutesOptions): void {
  const { letters, replay, auditLog, access } = options;
  app.post(
    `${PATH}/:id/replay`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Send the event of a dead letter in again, as it is or mended',
        description:
          'It is checked as ingest checks events, and durable when this answers. Replayed again it counts once: as the same event (source, id) within the hour, else it is refused.',
        params: IdSchema,
        querystring: LetterScopeSchema,
        body: ReplayRequestSchema,
        response: {
          202: ReplayedSchema,
          ...problemResponses(400, 401, 403, 404, 409, 413, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(access.principalOf(request), request.query, options);
      const letter = await findLetter(letters, scope, request.params.id);
      const { organization } = letter;
      if (organization === null) {
        const advice = 'post its event with a key of the organization it belongs to, then discard the letter';
        throw new AppError('conflict', `the letter does not say whose it is: ${advice}`);
      }
      const event = request.body?.event;
      const details = { isMended: event !== undefined };
      const act = { action: 'dead-letter.replay', target: letter.id, details } as const;
      await auditLog.append({ organization, ...act }, access.actorOf(request));
      const replayed = await replay.one({ ...letter, organization }, event === undefined ? null : { event });
      return reply.status(202).send({ id: letter.id, ...replayed });
    },
  );
}

function registerBulkReplay(app: HttpServer, options: LetterRoutesOptions): void {
  const { replay, auditLog, access, clock } = options;
  app.post(
    `${PATH}/replay`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: `Replay the open and replaying dead letters that match, at most ${LETTERS_PER_REPLAY_MAX} a call`,
        body: BulkReplayRequestSchema,
        response: { 202: BulkReplayedSchema, ...problemResponses(400, 401, 403, 429, 503) },
      },
    },
    async (request, reply) => {
      const { organization } = access.principalOf(request);
      const { cursor, ...asked } = request.body;
      const filter = { ...toFilter(asked, organization, clock.nowMs()), organization };
      const after = decodeCursor(cursor);
      const act = {
        action: 'dead-letters.replay',
        target: organization,
        details: { filter: asked },
      } as const;
      await auditLog.append({ organization, ...act }, access.actorOf(request));
      const { next, ...outcome } = await replay.matching(filter, after);
      return reply.status(202).send({ ...outcome, cursor: next === null ? null : encodeCursor(next) });
    },
  );
}

function registerDiscard(app: HttpServer, options: LetterRoutesOptions): void {
  const { letters, auditLog, access, clock } = options;
  app.post(
    `${PATH}/:id/discard`,
    {
      onRequest: access.requires('admin'),
      schema: {
        tags: TAGS,
        summary: 'Mark a dead letter as not worth replaying; it may be replayed all the same',
        params: IdSchema,
        querystring: LetterScopeSchema,
        response: { 204: Type.Null(), ...problemResponses(400, 401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const organization = scopeOf(access.principalOf(request), request.query, options);
      const letter = await findLetter(letters, organization, request.params.id);
      assertDiscardable(letter);
      if (letter.state === 'open') {
        const actor = access.actorOf(request);
        const act = { action: 'dead-letter.discard', target: letter.id, details: {} } as const;
        await auditLog.append({ organization: letter.organization ?? actor.organization, ...act }, actor);
        await letters.setState([{ ...letter, state: 'discarded', changedAtMs: clock.nowMs() }]);
        // A replay that began meanwhile stands.
        for (const head of await letters.reread([letter])) assertDiscardable(head);
      }
      return reply.status(204).send(null);
    },
  );
}

/** @throws conflict */
function assertDiscardable({ replay }: Pick<StoredLetter, 'replay'>): void {
  if (replay === null) return;
  const when = new Date(replay.sinceMs).toISOString();
  throw new AppError('conflict', `a replay of the letter was begun at ${when}: its event may be stored`);
}

/** @throws forbidden */
function scopeOf(
  principal: Principal,
  { organization }: Pick<LetterFilterParameters, 'organization'>,
  { operatorOrganization }: LetterRoutesOptions,
): OrganizationId | null {
  if (organization === undefined) return principal.organization;
  if (principal.organization === operatorOrganization) return null;
  throw new AppError('forbidden', 'letters of nobody are for administrators of the operator');
}

/** @throws invalid-request with every fault */
function toFilter(
  { state, code, type, from, to, contains }: LetterFilterParameters,
  organization: OrganizationId | null,
  nowMs: number,
): LetterFilter {
  const faults: Fault[] = [];
  const fromMs = from === undefined ? null : readInstant(from, 'from', nowMs, faults);
  const toMs = to === undefined ? null : readInstant(to, 'to', nowMs, faults);
  if (faults.length > 0) throw refusal(faults);
  return {
    organization,
    ...(state === undefined ? {} : { states: [state] }),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { eventType: type }),
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
    ...(contains === undefined ? {} : { contains }),
  };
}

/** @throws not-found, also for a letter of another organization */
async function findLetter(
  letters: DeadLetterStore,
  organization: OrganizationId | null,
  id: string,
): Promise<StoredLetter> {
  const letter = await letters.find(organization, id);
  if (letter === null) throw new AppError('not-found', `there is no dead letter ${JSON.stringify(id)}`);
  return letter;
}

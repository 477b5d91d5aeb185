/** The one place where errors become answers (RFC 9457) and codes become statuses. */
import { PROBLEM_MEDIA_TYPE, toProblem } from '@tidemark/contracts';
import { AppError, isAppError, type ErrorCode, type Fault } from '@tidemark/core';
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';

/** When a retryable refusal does not say how long to wait. */
export const RETRY_AFTER_DEFAULT_SECONDS = 5;

/** Fastify's own refusals, by its codes; any other code of a 4xx becomes `invalid-request`. */
const CODE_OF_FASTIFY: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-body',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-body',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-body',
};

/** Logged here when it is the service's fault, and nowhere else. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error);
  if (known === null) request.log.error({ err: error, requestId: request.id }, 'request failed');
  return sendProblem(
    known ?? new AppError('internal', 'the request could not be carried out'),
    request,
    reply,
  );
}

export function sendProblem(error: AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error.code, error.message, { instance: request.id, faults: error.faults });
  if (error.retryable) {
    void reply.header(
      'retry-after',
      Math.max(1, Math.ceil(error.retryAfterSeconds ?? RETRY_AFTER_DEFAULT_SECONDS)),
    );
  }
  if (error.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer realm="tidemark"');
  void reply.status(problem.status).header('cache-control', 'no-store').type(PROBLEM_MEDIA_TYPE);
  return reply.send(JSON.stringify(problem));
}

/** Null for what nobody expected: its message may hold anything and is not shown. */
function toAppError(error: FastifyError): AppError | null {
  if (isAppError(error)) return error.code === 'internal' ? null : error;
  if (error.validation !== undefined) return fromValidation(error.validation, error.validationContext);
  const { statusCode, code } = error;
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return null;
  const known = CODE_OF_FASTIFY[code];
  if (known !== undefined) return new AppError(known, error.message);
  // Fastify's own texts (FST_…) are fit to be shown; a plugin's may not be.
  const isOwn = typeof code === 'string' && code.startsWith('FST_');
  return new AppError('invalid-request', isOwn ? error.message : 'the request cannot be understood');
}

function fromValidation(
  results: readonly FastifySchemaValidationError[],
  context: string | undefined,
): AppError {
  const where = context === 'querystring' ? 'query' : (context ?? 'body');
  const faults = results.flatMap((result) => faultsOfResult(result, where));
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const detail =
    first === undefined ? `${where} is not valid` : `${where}${first.pointer} ${first.detail}${more}`;
  return new AppError('invalid-request', detail, { faults });
}

/** Missing and surplus properties are reported by TypeBox at their parent; the pointer shall name the property. */
function faultsOfResult(result: FastifySchemaValidationError, where: string): Fault[] {
  const { keyword, instancePath, params, message } = result;
  const code = 'invalid-request';
  const at = (property: string) => `${instancePath}/${property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (keyword === 'required') {
    return listOf(params['requiredProperties']).map((name) => ({
      code,
      pointer: at(name),
      detail: 'is required',
    }));
  }
  if (keyword === 'additionalProperties') {
    return listOf(params['additionalProperties']).map((name) => ({
      code,
      pointer: at(name),
      detail: `is not a property of the ${where}`,
    }));
  }
  // The false schema behind `additionalProperties: false`, told above already.
  if (keyword === 'boolean') return [];
  return [{ code, pointer: instancePath, detail: message ?? 'is not valid' }];
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal, Role } from '@tidemark/core';
import { assertRole, assertWithinLimit, rateLimitHeaders } from '@tidemark/runtime';
import type { Authenticator, RateLimiter, RateLimitPolicy } from '@tidemark/runtime';

/** Who asks, after the role and the rate limit have been checked. */
export type Access = (request: FastifyRequest, reply: FastifyReply, wanted: Role) => Promise<Principal>;

export interface AccessOptions {
  readonly authenticator: Authenticator;
  readonly rateLimiter: RateLimiter;
  readonly policy: RateLimitPolicy;
}

export function createAccess({ authenticator, rateLimiter, policy }: AccessOptions): Access {
  return async (request, reply, wanted) => {
    const principal = await authenticator.authenticate(request.headers);
    assertRole(principal, wanted);
    const state = await rateLimiter.take(principal.keyId, policy, 1);
    void reply.headers(rateLimitHeaders([state]));
    assertWithinLimit(state);
    return principal;
  };
}

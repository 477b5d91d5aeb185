import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertThat } from '@tidemark/core';
import type { Principal, Role } from '@tidemark/core';
import { assertRole, assertWithinLimit, rateLimitHeaders } from '@tidemark/runtime';
import type { Authenticator, RateLimiter, RateLimitPolicy } from '@tidemark/runtime';

/** Who may ask what. A handler gets at the principal only through a route that has checked it. */
export interface Access {
  /**
   * The `onRequest` hook of a route: credential, role and rate limit are checked before the body is read or anything else is said
   * about the request.
   */
  requires(wanted: Role): (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Who asks. Throws on a bug: a route without `requires`. */
  principalOf(request: FastifyRequest): Principal;
}

export interface AccessOptions {
  readonly authenticator: Authenticator;
  readonly rateLimiter: RateLimiter;
  readonly policy: RateLimitPolicy;
}

export function createAccess({ authenticator, rateLimiter, policy }: AccessOptions): Access {
  const principals = new WeakMap<object, Principal>();
  return {
    requires: (wanted) => async (request, reply) => {
      const principal = await authenticator.authenticate(request);
      assertRole(principal, wanted);
      const state = await rateLimiter.take(principal.credentialId, policy, 1);
      void reply.headers(rateLimitHeaders([state]));
      assertWithinLimit(state);
      principals.set(request.raw, principal);
    },
    principalOf(request) {
      const principal = principals.get(request.raw);
      assertThat(principal !== undefined, `${request.routeOptions.url ?? request.url} asks for a credential`);
      return principal;
    },
  };
}

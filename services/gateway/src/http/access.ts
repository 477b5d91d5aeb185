import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '@tidemark/catalog';
import { AppError, assertThat, scopeAllows } from '@tidemark/core';
import type { Clock, Principal, Role, Scope } from '@tidemark/core';
import { assertRole, assertWithinLimit, rateLimitHeaders } from '@tidemark/runtime';
import type { Authenticator, OrganizationDirectory, RateLimiter, RateLimitPolicy } from '@tidemark/runtime';

/** Who may ask what. A handler gets at the principal only through a route that has checked it. */
export interface Access {
  /**
   * The `onRequest` hook of a route: credential, role and rate limits are checked before the body is read or anything else is said
   * about the request.
   * @param authenticate in place of the credential in the headers
   */
  requires(
    wanted: Role,
    authenticate?: (request: FastifyRequest) => Promise<Principal>,
  ): (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Who asks. Throws on a bug: a route without `requires`. */
  principalOf(request: FastifyRequest): Principal;
  /** Who administers, for the audit log. As `principalOf`. */
  actorOf(request: FastifyRequest): Actor;
}

export interface AccessOptions {
  readonly authenticator: Authenticator;
  readonly organizations: Pick<OrganizationDirectory, 'limitsOf'>;
  readonly rateLimiter: RateLimiter;
  /** Of one credential. */
  readonly policy: RateLimitPolicy;
  /** Of one organization that is granted nothing else (`requestsPer10s`). */
  readonly organizationPolicy: RateLimitPolicy;
  readonly clock: Clock;
}

export function createAccess(options: AccessOptions): Access {
  const { authenticator, organizations, rateLimiter, policy, organizationPolicy, clock } = options;
  const principals = new WeakMap<object, Principal>();

  function principalOf(request: FastifyRequest): Principal {
    const principal = principals.get(request.raw);
    assertThat(principal !== undefined, `${request.routeOptions.url ?? request.url} asks for a credential`);
    return principal;
  }

  /** What a credential is refused is not taken from what its organization may ask. @throws rate-limited */
  async function take({ credentialId, organization }: Principal, reply: FastifyReply): Promise<void> {
    const own = await rateLimiter.take(credentialId, policy, 1);
    void reply.headers(rateLimitHeaders([own]));
    assertWithinLimit(own);
    const { requestsPer10s: quota = organizationPolicy.quota } = await organizations.limitsOf(organization);
    const all = await rateLimiter.take(organization, { ...organizationPolicy, quota }, 1);
    void reply.headers(rateLimitHeaders([own, all]));
    assertWithinLimit(all);
  }

  return {
    requires:
      (wanted, authenticate = (request) => authenticator.authenticate(request)) =>
      async (request, reply) => {
        const principal = await authenticate(request);
        assertRole(principal, wanted);
        await take(principal, reply);
        principals.set(request.raw, principal);
      },
    principalOf,
    actorOf(request) {
      const { organization, credentialId, user } = principalOf(request);
      return { organization, credentialId, user, requestId: request.id, atMs: clock.nowMs() };
    },
  };
}

/**
 * Nobody gives what they do not have: a credential that is held to some scopes makes no key that is held to others, or to none.
 * @throws forbidden
 */
export function assertMayGive(giver: Principal, scopes: readonly Scope[] | null): void {
  const { scopes: own } = giver;
  if (own === undefined || (scopes !== null && scopes.every((scope) => scopeAllows(giver, scope)))) return;
  throw new AppError(
    'forbidden',
    `the credential ${giver.credentialId} gives no more than ${own.join(', ')}`,
  );
}

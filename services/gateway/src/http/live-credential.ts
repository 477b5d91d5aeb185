/** The credential of the live feed, where browsers can send it: they cannot set headers of a WebSocket or an event stream. */
import type { Principal } from '@tidemark/core';
import type { Authenticator } from '@tidemark/runtime';
import type { FastifyRequest } from 'fastify';

/** `Sec-WebSocket-Protocol: tidemark.v1, bearer.<key or token>`: the first is what the server chooses. */
export const LIVE_SUBPROTOCOL = 'tidemark.v1';
const BEARER_SUBPROTOCOL = 'bearer.';

/**
 * Checks the credential of a request as often as it is called: `?token=`, the subprotocol, or the headers of every other request.
 * @returns rejects as the authenticator
 */
export function liveCredential(
  authenticator: Authenticator,
  request: FastifyRequest,
): () => Promise<Principal> {
  const { ip } = request;
  const token = tokenOf(request);
  if (token !== null) return () => authenticator.authenticateToken(token, ip);
  const { authorization, 'x-api-key': key } = request.headers;
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(key === undefined ? {} : { 'x-api-key': key }),
  };
  return () => authenticator.authenticate({ headers, ip });
}

/** The query has not been held to its schema yet. */
function tokenOf({ query, headers }: FastifyRequest): string | null {
  const token: unknown = (query as Readonly<Record<string, unknown>> | undefined)?.['token'];
  if (typeof token === 'string' && token !== '') return token;
  const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? [];
  const bearer = offered.find((one) => one.startsWith(BEARER_SUBPROTOCOL));
  return bearer === undefined ? null : bearer.slice(BEARER_SUBPROTOCOL.length);
}

import type { FastifyReply } from 'fastify';

/** Aborts when the client has gone. The server would close a connection on which nothing moves: not while it waits for us. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (raw.destroyed) gone.abort();
  raw.once('close', () => gone.abort());
  // A listener is all it takes: the server destroys idle sockets only when nobody listens.
  raw.on('timeout', () => undefined);
  return gone.signal;
}

/** A TCP proxy on loopback that misbehaves on demand: what networks do between two processes that are both well. */
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from './free-port.ts';

export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Every piece of data arrives so much later, in both directions. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Open connections are cut at once, new ones as soon as they are made. */
  | { readonly kind: 'refuse' }
  /** A connection is cut when it has carried so many bytes to the server under this mode. */
  | { readonly kind: 'cut-after'; readonly bytes: number }
  /** The server gets its request and does the work; the connection is cut when the reply begins. */
  | { readonly kind: 'cut-before-reply' }
  /** Nothing arrives any more, in either direction, and nobody is told; what met this mode stays so for ever. */
  | { readonly kind: 'swallow' };

export interface TcpProxy {
  readonly port: number;
  /** Holds for data of open and of new connections, from now on. */
  setMode(mode: ProxyMode): void;
  /** Connections that a mode has cut, swallowed or delayed so far; once for each mode that was set. */
  disturbed(): number;
  /** Cuts what is open. Idempotent. */
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  /** What it has met last. */
  disturbedBy: ProxyMode | null;
  bytesToServer: number;
}

/** @param target the port of 127.0.0.1 to which everything goes; need not be open yet */
export async function startTcpProxy(target: { readonly port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = { kind: 'pass' };
  let disturbedCount = 0;
  const open = new Set<Connection>();

  function disturb(connection: Connection): void {
    if (connection.disturbedBy !== mode) disturbedCount += 1;
    connection.disturbedBy = mode;
  }

  function cut(connection: Connection): void {
    disturb(connection);
    if (connection.client.destroyed) return;
    connection.client.resetAndDestroy();
    // What has been passed on still arrives: the server sees a request that breaks off.
    connection.upstream.destroySoon();
  }

  /** True when the data is to be passed on. */
  async function admit(connection: Connection, chunk: Buffer, isReply: boolean): Promise<boolean> {
    switch (mode.kind) {
      case 'pass':
        return true;
      case 'delay':
        disturb(connection);
        await delay(mode.delayMs);
        return true;
      case 'refuse':
        cut(connection);
        return false;
      case 'cut-after':
        if (isReply) return true;
        connection.bytesToServer += chunk.length;
        if (connection.bytesToServer <= mode.bytes) return true;
        connection.upstream.write(chunk.subarray(0, chunk.length >> 1));
        cut(connection);
        return false;
      case 'cut-before-reply':
        if (isReply) cut(connection);
        return !isReply;
      case 'swallow':
        disturb(connection);
        // Never resolves: the pieces behind it must not arrive either.
        return new Promise(() => undefined);
    }
  }

  function carry(connection: Connection, isReply: boolean): Promise<void> {
    const [from, to] = isReply
      ? [connection.upstream, connection.client]
      : [connection.client, connection.upstream];
    async function* gate(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) if (await admit(connection, chunk, isReply)) yield chunk;
    }
    return pipeline(from, gate, to);
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true });
    const connection: Connection = { client, upstream, disturbedBy: null, bytesToServer: 0 };
    open.add(connection);
    // Whatever ends one side ends the other: a proxy has nothing to say about it.
    void Promise.allSettled([carry(connection, false), carry(connection, true)]).then(() => {
      client.destroy();
      upstream.destroy();
      open.delete(connection);
    });
    if (mode.kind === 'refuse') cut(connection);
  });
  const port = await findFreePort();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  let closing: Promise<void> | undefined;
  return {
    port,
    setMode(next) {
      mode = next;
      for (const connection of open) {
        connection.bytesToServer = 0;
        if (next.kind === 'refuse') cut(connection);
      }
    },
    disturbed: () => disturbedCount,
    close() {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const { client, upstream } of open) {
          client.destroy();
          upstream.destroy();
        }
      });
      return closing;
    },
  };
}

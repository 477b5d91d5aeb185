/**
 * Which requests for an upgrade become WebSockets. Once anybody listens for upgrades, Node hands over every request that asks for one
 * and reads it no further: also those of clients that offer HTTP/2 with each request (`Upgrade: h2c`: Java's, curl's), and whose bodies
 * would never be read. Those are given back to the server as if they had not asked, as RFC 9110, 7.8 has it.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const UPGRADE_HEADERS = new Set(['upgrade', 'connection', 'http2-settings']);

/** Emits `upgrade`, as the server does, for WebSockets to the paths that begin so. Elsewhere there is none to upgrade to. */
export function websocketUpgrades(server: Server, pathPrefix: string): EventEmitter {
  const upgrades = new EventEmitter();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isWanted = request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
    if (isWanted && request.url?.startsWith(pathPrefix) === true) {
      upgrades.emit('upgrade', request, socket, head);
    } else giveBack(server, request, socket, head);
  });
  return upgrades;
}

function giveBack(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method = 'GET', url = '/', rawHeaders, httpVersion } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!UPGRADE_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  // Headers are read as Latin-1, and so given back.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

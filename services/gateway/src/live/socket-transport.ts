import type { WebSocket } from 'ws';
import { CLOSES } from './limits.ts';
import type { LiveTransport } from './transport.ts';

export function createSocketTransport(socket: WebSocket): LiveTransport {
  return {
    format: 'websocket',
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send: (frame, onTaken) => socket.send(frame, { binary: false }, onTaken),
    beat: () => {
      if (socket.readyState === socket.OPEN) socket.ping();
    },
    setReading: (isReading) => (isReading ? socket.resume() : socket.pause()),
    close(reason, detail) {
      // The goodbye of the client is read, whatever else it sends.
      socket.resume();
      if (reason === null) socket.close();
      else socket.close(CLOSES[reason].code, detail);
    },
    terminate: () => socket.terminate(),
  };
}

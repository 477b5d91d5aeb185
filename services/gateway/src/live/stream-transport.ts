import type { ServerResponse } from 'node:http';
import { AppError } from '@tidemark/core';
import { CLOSES } from './limits.ts';
import { errorMessage } from './message.ts';
import type { LiveTransport } from './transport.ts';

/** A comment: keeps what stands between from closing a stream on which nothing moves. */
const BEAT = ':\n\n';

/** Over the answer to a request whose head has been written. */
export function createStreamTransport(response: ServerResponse): LiveTransport {
  return {
    format: 'event-stream',
    get bufferedBytes() {
      return response.writableLength;
    },
    send: (frame, onTaken) => void response.write(frame, () => onTaken()),
    beat: () => void response.write(BEAT),
    setReading: () => undefined,
    close(reason, detail) {
      if (reason !== null) {
        response.write(
          errorMessage(new AppError(CLOSES[reason].problem, detail)).frame('event-stream', null),
        );
      }
      response.end();
    },
    terminate: () => void response.destroy(),
  };
}

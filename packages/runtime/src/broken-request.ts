/** Refusals of what never became a request: the parser of HTTP gave it up, so there is a socket and nothing else. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE, toProblem, type Problem } from '@tidemark/contracts';
import { RETRY_AFTER_DEFAULT_SECONDS } from './problem-handler.ts';

/** Of a request. */
export const HEADER_BYTES_MAX = 16 * 1024;

/** Writes the refusal, when there is somebody to read it, and ends the connection: where the next request begins is unknown. */
export function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(toResponse(toRefusal(error.code)));
  socket.destroy(error);
}

/** By the codes of Node and of its parser. */
function toRefusal(code: string | undefined): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return toProblem('request-timeout', 'the request took too long to arrive');
  if (code === 'HPE_HEADER_OVERFLOW')
    return toProblem('headers-too-large', `the headers exceed ${HEADER_BYTES_MAX} bytes`);
  return toProblem('invalid-request', 'this is not HTTP/1.1');
}

function toResponse(problem: Problem): string {
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...(problem.retryable ? [`Retry-After: ${RETRY_AFTER_DEFAULT_SECONDS}`] : []),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

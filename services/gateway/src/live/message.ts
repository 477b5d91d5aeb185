import { toProblem, type LiveMessageType } from '@tidemark/contracts';
import { type AppError, isAppError } from '@tidemark/core';

/** How messages are written: one JSON text each, or one server-sent event each. */
export type FrameFormat = 'websocket' | 'event-stream';

/** Frames kept of one message, by the id of the subscription: clients of one kind choose the same ids. */
const FRAMES_KEPT_MAX = 8;

/** What stands in the message beside its type and id: JSON texts by their names. */
export type Members = Readonly<Record<string, string>>;

/** A message to all who follow a question: written once for each id, and the same bytes are sent to all. */
export class LiveMessage {
  readonly type: LiveMessageType;
  readonly bytes: number;
  readonly #content: string;
  /** The resume token; null where there is nothing to resume from. */
  readonly #resume: string | null;
  readonly #frames = new Map<string, Buffer>();

  constructor(type: LiveMessageType, members: Members, resume: string | null = null) {
    this.type = type;
    const all = resume === null ? members : { ...members, resume: JSON.stringify(resume) };
    this.#content = Object.entries(all)
      .map(([name, json]) => `,"${name}":${json}`)
      .join('');
    this.#resume = resume;
    this.bytes = Buffer.byteLength(this.#content);
  }

  /** @param id of the subscription; null: the message belongs to none */
  frame(format: FrameFormat, id: string | null): Buffer {
    const key = JSON.stringify([format, id]);
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const json = `{"type":"${this.type}"${id === null ? '' : `,"id":${JSON.stringify(id)}`}${this.#content}}`;
    const frame = Buffer.from(format === 'websocket' ? json : this.#event(json));
    if (this.#frames.size < FRAMES_KEPT_MAX) this.#frames.set(key, frame);
    return frame;
  }

  /** Of a message that is the newest no more. */
  forgetFrames(): void {
    this.#frames.clear();
  }

  #event(json: string): string {
    const id = this.#resume === null ? '' : `id: ${this.#resume}\n`;
    return `event: ${this.type}\n${id}data: ${json}\n\n`;
  }
}

/** What nobody expected says nothing. */
export function errorMessage(error: unknown): LiveMessage {
  const problem = isAppError(error)
    ? toProblem(error.code, error.message, { faults: error.faults })
    : toProblem('internal', 'the subscription could not be answered');
  return new LiveMessage('error', { problem: JSON.stringify(problem) });
}

/** Whether the same may succeed by itself: what failed is tried again. */
export function isPassing(error: unknown): error is AppError {
  return isAppError(error) && error.retryable;
}

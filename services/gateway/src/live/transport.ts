/** How a connection is spoken to, over either protocol. None of it throws; after the end all of it does nothing. */
import type { FrameFormat } from './message.ts';
import type { CloseReason } from './limits.ts';

export interface LiveTransport {
  readonly format: FrameFormat;
  /** Handed over, and not taken by the network yet. */
  readonly bufferedBytes: number;
  /** @param onTaken called once the network has taken it */
  send(frame: Buffer, onTaken: () => void): void;
  /** Asks whether the other side is there; a transport that cannot ask only says that this one is. */
  beat(): void;
  /** Messages of the client are read no further, or again. */
  setReading(isReading: boolean): void;
  /**
   * Says goodbye behind what was handed over.
   * @param reason null: everything was said
   * @param detail for people, at most 100 bytes
   */
  close(reason: CloseReason | null, detail: string): void;
  /** Ends at once. */
  terminate(): void;
}

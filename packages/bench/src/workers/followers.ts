/** Many subscribers of the live feed in one process. They look for one number in each message, and do nothing else. */
import { WebSocket } from 'ws';
import type { FollowersAnswer, FollowersRequest, WorkerService } from './protocol.ts';

/** Sockets that are being opened at once. */
const OPENING_MAX = 50;
const OPEN_DEADLINE_MS = 120_000;
const RECEIVED_DEADLINE_MS = 60_000;

interface Round {
  readonly value: number;
  readonly receivedAtMs: number[];
  /** Resolves when all have been told. */
  readonly told: Promise<void>;
  readonly tell: () => void;
}

export function openFollowers(): WorkerService<'followers'> {
  const sockets: WebSocket[] = [];
  let round: Round | null = null;

  function take(text: string): void {
    const value = Number(/"value":(\d+)/.exec(text)?.[1] ?? Number.NaN);
    if (round === null || value !== round.value || !text.startsWith('{"type":"metric_update"')) return;
    round.receivedAtMs.push(performance.timeOrigin + performance.now());
    if (round.receivedAtMs.length === sockets.length) round.tell();
  }

  async function openOne({
    url,
    headers,
    query,
  }: Extract<FollowersRequest, { kind: 'open' }>): Promise<void> {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', (code, reason) => reject(new Error(`closed with ${code} ${reason.toString()}`)));
      socket.on('message', (data) => {
        const text = (data as Buffer).toString('latin1');
        if (text.startsWith('{"type":"connected"')) {
          socket.send(JSON.stringify({ type: 'subscribe', id: 'bench', query }));
        } else if (text.startsWith('{"type":"subscription_data"')) resolve();
        else if (text.startsWith('{"type":"error"')) reject(new Error(text));
        else take(text);
      });
    });
    sockets.push(socket);
  }

  async function openAll(request: Extract<FollowersRequest, { kind: 'open' }>): Promise<void> {
    let opening = 0;
    const openNext = async (): Promise<void> => {
      while (opening < request.subscribers) {
        opening += 1;
        await openOne(request);
      }
    };
    const all = Promise.all(Array.from({ length: OPENING_MAX }, openNext));
    await within(OPEN_DEADLINE_MS, all, () => `${sockets.length} of ${request.subscribers} follow`);
  }

  function expectValue(value: number): void {
    let tell: () => void = () => undefined;
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    round = { value, receivedAtMs: [], told, tell };
  }

  return {
    async answer(request): Promise<FollowersAnswer> {
      if (request.kind === 'open') await openAll(request);
      else if (request.kind === 'expect') expectValue(request.value);
      else if (round !== null) {
        const { told, receivedAtMs } = round;
        await within(
          RECEIVED_DEADLINE_MS,
          told,
          () => `${receivedAtMs.length} of ${sockets.length} were told`,
        );
        return { receivedAtMs };
      }
      return { receivedAtMs: [] };
    },
    close: async () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function within<T>(deadlineMs: number, work: Promise<T>, state: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${deadlineMs} ms: ${state()}`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

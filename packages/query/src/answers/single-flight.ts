/** Work that several wait for: done once, given up when the last of them has gone. */
interface Flight<T> {
  readonly work: Promise<T>;
  readonly abandoned: AbortController;
  waiting: number;
}

export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the work under way under the key, or begins it. One that aborts goes alone.
   * @param begin is given a signal that aborts when nobody waits any more; rejects for all who wait
   * @returns what came of it, and whether it was under way already
   * @throws what the work throws; the reason of the signal
   */
  async run(
    key: string,
    signal: AbortSignal | undefined,
    begin: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly outcome: T; readonly joined: boolean }> {
    signal?.throwIfAborted();
    const known = this.#flights.get(key);
    const flight = known ?? this.#begin(key, begin);
    flight.waiting += 1;
    try {
      return { outcome: await untilAborted(flight.work, signal), joined: known !== undefined };
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) this.#end(key, flight);
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abandoned = new AbortController();
    const flight = { work: begin(abandoned.signal), abandoned, waiting: 0 };
    this.#flights.set(key, flight);
    // Whoever waits hears of a failure; when all have gone, nobody need to.
    flight.work.catch(() => undefined).finally(() => this.#remove(key, flight));
    return flight;
  }

  /** Nobody joins what is being given up. Of work that is done, this is nothing. */
  #end(key: string, flight: Flight<T>): void {
    this.#remove(key, flight);
    flight.abandoned.abort();
  }

  #remove(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

import { inspect } from 'node:util';

const SHOWN = '[secret]';

/** A text that shows itself nowhere (logs, JSON, string building, `console.log`) but where `reveal` is called. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

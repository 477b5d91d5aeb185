/** Well-meant calls: setting up, standing by, looking after. */

const TIMEOUT_MS = 30_000;

export type JsonObject = Readonly<Record<string, unknown>>;

export interface JsonCalls {
  /** @throws Error unless it is answered with 2xx */
  send(method: string, path: string, key: string, body?: unknown): Promise<JsonObject>;
}

export function createJsonCalls(baseUrl: string): JsonCalls {
  return {
    async send(method, path, key, body) {
      const response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      if (!response.ok)
        throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
      return (text === '' ? {} : JSON.parse(text)) as JsonObject;
    },
  };
}

/** @throws Error when the member is no text */
export function textOf(answer: JsonObject, member: string): string {
  const value = answer[member];
  if (typeof value !== 'string')
    throw new Error(`${member} is missing in ${JSON.stringify(answer).slice(0, 300)}`);
  return value;
}

/** The texts under one member of every entry of a list. */
export function textsOf(answer: JsonObject, list: string, member: string): readonly string[] {
  const entries = answer[list];
  if (!Array.isArray(entries))
    throw new Error(`${list} is missing in ${JSON.stringify(answer).slice(0, 300)}`);
  return entries.map((entry) => textOf(entry as JsonObject, member));
}

import type { CliContext } from '../context.ts';
import { CliFault } from '../fault.ts';
import { readSettings } from '../settings.ts';
import { createApiClient } from './api-client.ts';

/** All these requests may be repeated: none of them does anything twice. */
const RETRY_TOTAL_MS = 10_000;

/** JSON in, JSON out, with the key and at the address of the environment. */
export interface Server {
  /** @param parameters undefined ones are left out */
  get(path: string, parameters?: QueryParameters): Promise<Readonly<Record<string, unknown>>>;
  /** An answer without a body is {}. */
  post(path: string, body?: object, parameters?: QueryParameters): Promise<Readonly<Record<string, unknown>>>;
}

type QueryParameters = Readonly<Record<string, string | number | undefined>>;

/** @throws CliFault when the environment is wrong; so do the requests when the answer is not a success */
export function connect(context: CliContext): Server {
  const settings = readSettings(context.environment);
  const client = createApiClient(context, settings.apiKey);
  const urlOf = (path: string, parameters: QueryParameters = {}) => {
    const search = new URLSearchParams(
      Object.entries(parameters).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)] as [string, string]],
      ),
    );
    return `${settings.url}${path}${search.size === 0 ? '' : `?${search.toString()}`}`;
  };
  return {
    get: async (path, parameters) =>
      asObject(
        await client.requestJson({
          method: 'GET',
          url: urlOf(path, parameters),
          retryTotalMs: RETRY_TOTAL_MS,
        }),
      ),
    async post(path, body, parameters) {
      const { text } = await client.request({
        method: 'POST',
        url: urlOf(path, parameters),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        retryTotalMs: RETRY_TOTAL_MS,
      });
      return text === '' ? {} : asObject(parse(text));
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliFault('the server answered something that is not JSON', undefined, error);
  }
}

/** @throws CliFault */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new CliFault('the server answers something that is not an object');
}

/** @throws CliFault naming what is missing */
export function asList(value: unknown, what: string): readonly Readonly<Record<string, unknown>>[] {
  if (Array.isArray(value)) return value.map(asObject);
  throw new CliFault(`the server does not answer with a list of ${what}`);
}

/** @throws CliFault naming what is missing */
export function asCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new CliFault(`the server tells no number of ${what}`);
}

import type { Answer, Query } from '@tidemark/core';
import type { CliContext } from '../context.ts';
import { EXIT_OK, usageFault } from '../fault.ts';
import { createApiClient } from '../http/api-client.ts';
import { readSettings } from '../settings.ts';
import { formatAnswer } from './answer-table.ts';
import { parseFilterArgument } from './filter-argument.ts';

const RETRY_TOTAL_MS = 10_000;

/** The options as they stand on the command line; the server checks what they mean. */
export interface QueryOptions {
  readonly metrics: string;
  readonly from: string;
  readonly to: string;
  readonly granularity?: string;
  readonly timeZone?: string;
  readonly weekStart?: string;
  readonly groupBy?: string;
  readonly filter: readonly string[];
  readonly compare?: string;
  readonly fill?: string;
  readonly orderBy?: string;
  readonly limit?: number;
  readonly json: boolean;
}

/** Asks one question and prints the answer: a table, or with `json` what the server said. */
export async function runQueryCommand(context: CliContext, options: QueryOptions): Promise<number> {
  const settings = readSettings(context.environment);
  const question = toQuestion(options);
  const answer = await createApiClient(context, settings.apiKey).requestJson({
    method: 'POST',
    url: `${settings.url}/api/v1/query`,
    body: JSON.stringify(question),
    retryTotalMs: RETRY_TOTAL_MS,
  });
  context.stdout.write(
    options.json ? `${JSON.stringify(answer)}\n` : formatAnswer(answer as Answer, toList(options.groupBy)),
  );
  return EXIT_OK;
}

/** The body of the question: its words may be wrong, which the server tells. */
function toQuestion(options: QueryOptions): Readonly<Record<string, unknown>> {
  const { compare, fill, granularity, limit, timeZone, weekStart } = options;
  const optional = {
    granularity,
    timeZone,
    weekStart,
    compare,
    fill,
    limit,
    orderBy: toOrder(options.orderBy),
  };
  const groupBy = toList(options.groupBy);
  return {
    metrics: toList(options.metrics),
    from: options.from,
    to: options.to,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    ...(groupBy.length === 0 ? {} : { groupBy }),
    ...(options.filter.length === 0 ? {} : { filters: options.filter.map(parseFilterArgument) }),
  };
}

function toList(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

/** `metric`, `metric:asc` or `metric:desc`; descending unless said otherwise. */
function toOrder(text: string | undefined): Query['orderBy'] {
  if (text === undefined) return undefined;
  const [metric = '', direction = 'desc', ...rest] = text.split(':');
  if (metric === '' || rest.length > 0 || (direction !== 'asc' && direction !== 'desc')) {
    throw usageFault(`--order-by ${JSON.stringify(text)}: expected metric, metric:asc or metric:desc`);
  }
  return { metric, direction };
}

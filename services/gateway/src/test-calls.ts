/** Requests to a gateway under test. */
import type { TestGateway } from './testing.ts';

export type TestMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** As the admin of the gateway unless another key is given. A body makes it a POST. */
export async function callAs(
  gateway: TestGateway,
  url: string,
  options: { readonly method?: TestMethod; readonly key?: string; readonly body?: object } = {},
): Promise<TestAnswer> {
  const { key = gateway.keyOf.admin, body } = options;
  const response = await gateway.app.inject({
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body === '' ? {} : response.json<Readonly<Record<string, unknown>>>(),
  };
}

/** Where the faults of a refusal are, in order. */
export function pointersOf({ body }: TestAnswer): readonly string[] {
  const errors = (body['errors'] ?? []) as readonly { readonly pointer: string }[];
  return errors.map(({ pointer }) => pointer);
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestGateway } from './testing.ts';
import type { TestGateway } from './testing.ts';

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: object;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description?: string;
        readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
      }
    >
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, object>>;
    readonly schemas?: object;
  };
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

let gateway: TestGateway;
let document: Document;
beforeAll(async () => {
  gateway = await createTestGateway();
  document = (await gateway.app.inject({ url: '/api/v1/openapi.json' })).json<Document>();
});
afterAll(() => gateway.app.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );

/** Every value under a key `name`, at any depth. */
function valuesOf(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries<unknown>({ ...value }).flatMap(([key, child]): unknown[] => [
    ...(key === name ? [child] : []),
    ...valuesOf(child, name),
  ]);
}

describe('the OpenAPI document', () => {
  it('is of version 3.1, and every scheme it asks for is declared', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'Test', version: '1' });
    const asked = document.security.flatMap((entry) => Object.keys(entry));
    expect(asked.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['apiKey', 'bearer']);
    for (const name of asked) expect(document.components.securitySchemes).toHaveProperty(name);
  });

  it('describes every route, with summary, tags and what it answers', () => {
    const described = new Set(operations().map(({ name }) => name));
    const routes = gateway.routes.filter(
      ({ method, url }) => url.startsWith('/api/') && url !== '/api/v1/openapi.json' && method !== 'HEAD',
    );
    expect(described).toEqual(
      new Set(routes.map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`)),
    );
    for (const { name, operation } of operations()) {
      expect([name, typeof operation.summary, operation.tags?.length]).toEqual([name, 'string', 1]);
      const statuses = Object.keys(operation.responses);
      expect([name, statuses.some((status) => status.startsWith('2') || status === '101')]).toEqual([
        name,
        true,
      ]);
      for (const wanted of ['401', '403', '429', '503'])
        expect([name, statuses]).toEqual([name, expect.arrayContaining([wanted])]);
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect([name, status, typeof description]).toEqual([name, status, 'string']);
        if (['101', '204', '304'].includes(status)) continue;
        const schemas = Object.values(content ?? {}).map(({ schema }) => typeof schema);
        expect([name, status, schemas]).toEqual([name, status, ['object']]);
      }
    }
  });

  it('declares the parameters of its paths', () => {
    for (const { path, name, operation } of operations()) {
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect([name, inPath.map((parameter) => parameter.name)]).toEqual([
        name,
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      ]);
      for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeDefined();
      for (const parameter of inPath) expect(parameter.required).toBe(true);
    }
  });

  it('uses the words of JSON Schema 2020-12, and refers to nothing that is not there', () => {
    expect(valuesOf(document, 'nullable')).toEqual([]);
    for (const bound of [
      ...valuesOf(document, 'exclusiveMinimum'),
      ...valuesOf(document, 'exclusiveMaximum'),
    ]) {
      expect(typeof bound).toBe('number');
    }
    for (const reference of valuesOf(document, '$ref')) {
      const steps = String(reference).split('/').slice(1);
      const found = steps.reduce<unknown>(
        (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
        document,
      );
      expect([reference, found === undefined]).toEqual([reference, false]);
    }
  });
});

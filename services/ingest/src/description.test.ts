import { describe, expect, it } from '@jest/globals';
import { createTestIngest } from './testing.ts';

interface Description {
  readonly paths: Readonly<Record<string, { readonly post: Operation }>>;
}
interface Operation {
  readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

describe('the description of the doors', () => {
  it('tells the keys of every recorder', async () => {
    const { app } = await createTestIngest({ withOpenApi: true });
    const { paths } = (await app.inject('/api/v1/openapi.json')).json<Description>();
    await app.close();
    const schemaOf = (path: string) => paths[path]?.post.requestBody.content['application/json']?.schema;
    expect(schemaOf('/api/v1/analytics/metrics')).toMatchObject({
      anyOf: [
        {
          title: 'Measurement',
          required: ['name', 'type', 'value'],
          properties: {
            type: { enum: ['counter', 'gauge', 'histogram'] },
            labels: { type: 'object', maxProperties: 32 },
          },
        },
        { type: 'array' },
      ],
    });
    expect(schemaOf('/api/v1/analytics/metrics/{recorder}')).toMatchObject({
      anyOf: [{ title: 'Use of a feature', properties: { durationMs: {}, id: {}, time: {} } }, {}],
    });
  });

  it('names every path, body and answer', async () => {
    const { app } = await createTestIngest({ withOpenApi: true });
    const { paths } = (await app.inject('/api/v1/openapi.json')).json<Description>();
    await app.close();
    expect(Object.keys(paths).toSorted()).toEqual([
      '/api/v1/analytics/metrics',
      '/api/v1/analytics/metrics/{recorder}',
      '/api/v1/events',
    ]);
    const events = paths['/api/v1/events']?.post;
    expect(Object.keys(events?.requestBody.content ?? {})).toEqual([
      'application/cloudevents+json',
      'application/cloudevents-batch+json',
      'application/json',
      'application/x-ndjson',
      '*/*',
    ]);
    expect(Object.keys(events?.responses ?? {})).toEqual([
      '200',
      '202',
      '400',
      '401',
      '403',
      '413',
      '415',
      '429',
      '503',
    ]);
  });
});

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { HttpServer } from './http-server.ts';

export const OPEN_API_PATH = '/api/v1/openapi.json';
export const DOCS_PATH = '/docs';

/**
 * Serves the OpenAPI 3.1 description of every route registered AFTERWARDS, and a page to browse it (its assets come from here, not from
 * elsewhere).
 */
export async function registerOpenApi(
  app: HttpServer,
  options: { readonly title: string; readonly description: string; readonly version: string },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { ...options, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'An API key (tm_…), or a token of a trusted issuer',
          },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
      security: [{ bearer: [] }, { apiKey: [] }],
    },
  });
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    staticCSP: true,
    uiConfig: { deepLinking: true },
    // The bar above carries another project's name and a field for other documents.
    theme: {
      title: options.title,
      css: [{ filename: 'theme.css', content: '.swagger-ui .topbar { display: none }' }],
    },
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect(DOCS_PATH));
  app.get(OPEN_API_PATH, { schema: { hide: true } }, async () => app.swagger());
}

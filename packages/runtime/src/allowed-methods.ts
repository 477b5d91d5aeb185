import type { FastifyInstance } from 'fastify';

/**
 * Remembers every route from now on, so that a wrong method on a right path is told from a wrong path. Returns the methods of a path,
 * sorted; none when nothing is there.
 */
export function collectRoutes(app: FastifyInstance): (path: string) => readonly string[] {
  const methodsOf = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', (route) => {
    const entry = methodsOf.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set<string>() };
    for (const method of [route.method].flat()) entry.methods.add(method);
    methodsOf.set(route.url, entry);
  });
  return (path) => {
    const found = [...methodsOf.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].toSorted();
  };
}

/** Of `/a/:b/*`: one segment for a parameter, anything for the star. */
function patternOf(url: string): RegExp {
  const source = url.split('/').map((segment) => {
    if (segment === '*') return '.*';
    if (segment.startsWith(':')) return '[^/]+';
    return segment.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source.join('/')}$`);
}

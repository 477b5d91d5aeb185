/** The `sh` blocks of the pages `docs/packs/<pack>.md`, complete by construction; the end-to-end suite runs them. */
import type { Pack, Recorder, RecorderField, ViewDeclaration, ViewParameter } from '@tidemark/core';

const PLACE = '/api/v1/analytics';
const CREDENTIAL = `-H "Authorization: Bearer $TIDEMARK_API_KEY"`;
const JSON_BODY = `-H 'Content-Type: application/json'`;

function block(commands: readonly string[]): string {
  return `\`\`\`sh\n${commands.join('\n')}\n\`\`\``;
}

function curl(lines: readonly string[]): string {
  return `curl -fsS ${lines.join(' \\\n  ')}`;
}

/** One record of each recorder, with the keys that it must have. */
export function recorderExamples({ recorders }: Pack): string {
  return block(recorders.map(recorderExample));
}

function recorderExample({ name, fields }: Recorder): string {
  const required = fields.filter((field) => field.required);
  const record = Object.fromEntries(required.map((field) => [field.from, recorded(field)]));
  const door = `${PLACE}/metrics${name === null ? '' : `/${name}`}`;
  return curl([
    `"\${TIDEMARK_INGEST_URL:-$TIDEMARK_URL}${door}"`,
    `${CREDENTIAL} ${JSON_BODY}`,
    `-d '${JSON.stringify(record)}'`,
  ]);
}

function recorded({ from, type, enum: values }: RecorderField): unknown {
  switch (type) {
    case 'string':
      return values?.[0] ?? `${from}-1`;
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'labels':
      return { host: 'web-1' };
  }
}

/** The view asked by each of its methods. */
export function viewExamples(view: ViewDeclaration, { metrics }: Pack): string {
  const { path, methods, parameters } = view;
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => inPath(view, name));
  const metric = metrics[0]?.key ?? '';
  const asked = parameters
    .filter(({ name }) => !path.includes(`{${name}}`))
    .flatMap((parameter) => {
      const value = asking(parameter, metric);
      return value === null ? [] : [[parameter.name, value] as const];
    });
  return block(methods.map((method) => viewExample(method, place, asked)));
}

type Asked = readonly (readonly [string, string | number | readonly string[]])[];

function viewExample(method: 'GET' | 'POST', place: string, asked: Asked): string {
  if (method === 'POST') {
    const body = JSON.stringify(Object.fromEntries(asked));
    return curl([`"$TIDEMARK_URL${PLACE}/${place}"`, `${CREDENTIAL} ${JSON_BODY}`, `-d '${body}'`]);
  }
  const query = asked.map(([name, value]) => `${name}=${String(value)}`).join('&');
  return curl([`"$TIDEMARK_URL${PLACE}/${place}${query === '' ? '' : `?${query}`}"`, CREDENTIAL]);
}

/** Of a list the first; of an id one that tells of what (`agents/{id}`: `agent-1`). */
function inPath({ path, parameters }: ViewDeclaration, name: string): string {
  const values = parameters.find((parameter) => parameter.name === name)?.enum;
  const [of] = /(\w+)(?=\/\{id\})/.exec(path) ?? [name];
  return values?.[0] ?? `${(name === 'id' ? of : name).replace(/s$/, '')}-1`;
}

/** Null: not in the example. */
function asking(parameter: ViewParameter, metric: string): string | number | readonly string[] | null {
  const { name, type, unit, isRequired, enum: values } = parameter;
  if (type === 'instant') return name === 'from' ? 'now-7d' : 'now';
  if (type === 'timeZone') return 'Europe/Rome';
  if (type === 'metrics') return [metric];
  if (type === 'integer' && unit !== undefined) return parameter.default ?? null;
  if (name === 'compare' || isRequired === true) return values?.[0] ?? null;
  return null;
}

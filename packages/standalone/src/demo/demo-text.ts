import type { Incident } from './incidents.ts';

const RULE = '='.repeat(78);

/** What a person reads when the demo is up: first of all that none of it is real. */
export function demoText(options: {
  readonly url: string;
  readonly key: string;
  readonly dataDir: string;
  readonly historyDays: number;
}): string {
  const { url, key, dataDir, historyDays } = options;
  const ask = (question: object): string =>
    [
      `  curl -s ${url}/api/v1/query -H "Authorization: Bearer ${key}" \\`,
      `    -H 'Content-Type: application/json' \\`,
      `    -d '${JSON.stringify(question)}'`,
    ].join('\n');
  return [
    '',
    RULE,
    'DEMO: everything in here is SYNTHETIC. No user, request, cost or incident is real.',
    RULE,
    '',
    `Tidemark is ready at ${url} (API pages: ${url}/docs, data: ${dataDir})`,
    `Admin key of this demo: ${key}`,
    '',
    `The past ${historyDays} days are being filled in; then events go on arriving as time passes.`,
    '',
    'Requests and error rate of each day:',
    '',
    ask({
      metrics: ['http.requests', 'http.error_rate'],
      from: `now-${historyDays}d/d`,
      to: 'now',
      granularity: 'day',
    }),
    '',
    'What each model costs, and how fast it is:',
    '',
    ask({
      metrics: ['llm.requests', 'llm.cost', 'llm.latency_p95'],
      from: 'now-7d',
      to: 'now',
      groupBy: ['model'],
    }),
    '',
    'The same with the command:',
    '',
    `  export TIDEMARK_URL=${url} TIDEMARK_API_KEY=${key}`,
    '  npm run -s tidemark -- query --metrics llm.requests,llm.cost --from now-1d --granularity hour',
    '',
  ].join('\n');
}

export function historyText(events: number, seconds: number, incidents: readonly Incident[]): string {
  const filled =
    events === 0
      ? 'The past was there already.'
      : `${events.toLocaleString('en-US')} events of the past are in (${seconds.toFixed(1)} s).`;
  return [
    `${filled} Invented incidents to look for:`,
    ...incidents.map(
      ({ startMs, endMs, kind, title }) => `  ${toMinute(startMs)} - ${toMinute(endMs)}  ${kind}: ${title}`,
    ),
    '',
    'Events go on arriving. Ctrl-C stops the demo; delete its data folder to begin anew.',
    '',
  ].join('\n');
}

function toMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** What a person reads after `npm start`. */
export interface WelcomeOptions {
  readonly url: string;
  /** Shown once, when it was minted. */
  readonly adminKey: string | null;
  readonly dataDir: string;
  /** RFC 3339. */
  readonly now: string;
}

export function welcomeText({ url, adminKey, dataDir, now }: WelcomeOptions): string {
  const key = adminKey ?? '$TIDEMARK_API_KEY';
  const about =
    adminKey === null
      ? ['Use the admin key that was printed at the first start:', '', '  export TIDEMARK_API_KEY=tm_…']
      : [
          'First start. This is the admin key of the organization `default`; it is shown once, keep it:',
          '',
          `  ${adminKey}`,
        ];
  return [
    '',
    `Tidemark is ready at ${url} (API pages: ${url}/docs, data: ${dataDir})`,
    '',
    ...about,
    '',
    'Send an event:',
    '',
    `  curl -s '${url}/api/v1/events?wait=visible' -H "Authorization: Bearer ${key}" -H 'Content-Type: application/cloudevents+json' \\`,
    `    -d '{"specversion":"1.0","id":"first","source":"/curl","type":"llm.request","time":"${now}","data":{"service":"docs","model":"small","prompt_tokens":12,"completion_tokens":34}}'`,
    '',
    'Read it back:',
    '',
    `  curl -s ${url}/api/v1/query -H "Authorization: Bearer ${key}" -H 'Content-Type: application/json' \\`,
    `    -d '{"metrics":["llm.requests","llm.prompt_tokens"],"from":"now-1d","to":"now+1h","groupBy":["service"]}'`,
    '',
    'Ctrl-C stops it; what was accepted is kept.',
    '',
  ].join('\n');
}

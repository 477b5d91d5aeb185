import { describe, expect, it } from '@jest/globals';
import { examplesOf, operationsIn } from './examples.ts';

const PAGE = `# A page

\`\`\`sh
curl "$URL/api/v1/things/$ID?limit=3" -H "$AUTH"
MADE=$(curl -fsS "$URL/api/v1/things" \\
  -d '{"name":"/api/v1/things/mine"}')
curl -X DELETE "$URL/api/v1/things/mine"
\`\`\`

\`\`\`json
{ "path": "/api/v1/other" }
\`\`\`

\`\`\`sh
LIVE="$URL/api/v1/other"
\`\`\`
`;

describe('examples of a page', () => {
  it('are its blocks of shell, each with its line', () => {
    expect(examplesOf(PAGE).map(({ line }) => line)).toEqual([4, 15]);
    expect(examplesOf(PAGE)[1]).toEqual({ line: 15, text: 'LIVE="$URL/api/v1/other"' });
  });

  it('tell which operations they ask for', () => {
    const operations = [
      'GET /api/v1/things/{id}',
      'DELETE /api/v1/things/{id}',
      'DELETE /api/v1/things/mine',
      'POST /api/v1/things',
      'GET /api/v1/things',
      'GET /api/v1/other',
      'PUT /api/v1/other',
    ];
    expect(operationsIn(examplesOf(PAGE), operations)).toEqual([
      'GET /api/v1/things/{id}',
      'POST /api/v1/things',
      'DELETE /api/v1/things/mine',
      'GET /api/v1/other',
    ]);
  });
});

import { expect, it } from '@jest/globals';
import { createTelemetry } from '@tidemark/runtime';
import { parseSteps } from './steps.ts';

it('reads what the steps have taken, longest first, less what is no work on batches', async () => {
  const telemetry = createTelemetry({ withProcessFigures: false });
  const observe = (step: string, seconds: number) =>
    telemetry.observe('tidemark_aggregator_step_duration_seconds', seconds, { step });
  observe('find-stored', 0.25);
  observe('insert', 1.5);
  observe('insert', 1.25);
  observe('read', 9);
  observe('commit', 0.000001);
  expect(parseSteps(await telemetry.text())).toEqual([
    { step: 'insert', seconds: 2.75 },
    { step: 'find-stored', seconds: 0.25 },
    { step: 'commit', seconds: 0.000001 },
  ]);
});

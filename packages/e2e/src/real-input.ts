/** Real files in, numbers out that were counted by other means (`wc`, `awk`, the publisher's page, the count below). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { ask, askAnew, command, startCommand, untilRolledUp, untilStored, valueOf } from './client.ts';
import { findSharedData } from './shared-data.ts';
import type { System } from './system.ts';

const AZURE = findSharedData('azure-llm-2023');
const APACHE = findSharedData('elastic-apache-access');
const itOn = (folder: string | null) => (folder === null ? it.skip : it);
const IMPORT_TIMEOUT_MS = 180_000;

const DAY = { from: '2023-11-16T00:00:00Z', to: '2023-11-17T00:00:00Z' };
const TOKENS = ['llm.requests', 'llm.prompt_tokens', 'llm.completion_tokens'];
const TOTALS = {
  code: [8_819, 18_059_974, 245_896],
  conv: [19_366, 22_361_870, 4_088_665],
} as const;

export function describeRealInput(system: () => System, stateDir: () => string): void {
  const azureImport = (service: keyof typeof TOTALS) => [
    'import',
    'llm.azure-trace',
    path.join(AZURE ?? '', `AzureLLMInferenceTrace_${service}.csv`),
    '--set',
    `service=${service}`,
  ];

  async function expectAzureTotals(): Promise<void> {
    await untilStored(system());
    const answer = await ask(system(), { metrics: TOKENS, ...DAY, groupBy: ['service'] });
    for (const service of ['code', 'conv'] as const) {
      expect(TOKENS.map((metric) => valueOf(answer, metric, { service }))).toEqual(TOTALS[service]);
    }
  }

  itOn(AZURE)(
    'counts an import exactly although the product is killed in the middle of it',
    async () => {
      const first = startCommand(system(), azureImport('code'), stateDir());
      await new Promise<void>((resolve) => {
        first.process.stderr?.once('data', () => resolve());
        void first.ended.then(() => resolve());
      });
      await system().kill();
      first.process.kill('SIGKILL');
      await first.ended;
      await system().start();
      await command(system(), azureImport('code'), stateDir());
      await command(system(), azureImport('conv'), stateDir());
      await expectAzureTotals();
    },
    IMPORT_TIMEOUT_MS,
  );

  itOn(AZURE)(
    'changes nothing when the same files are imported again',
    async () => {
      await command(system(), [...azureImport('code'), '--restart'], stateDir());
      await command(system(), [...azureImport('conv'), '--restart'], stateDir());
      await expectAzureTotals();
    },
    IMPORT_TIMEOUT_MS,
  );

  itOn(AZURE)(
    'adds up to the same by minute, from raw and from rollups',
    async () => {
      const byMinute = async () => {
        const answer = await askAnew(system(), {
          metrics: TOKENS,
          ...DAY,
          groupBy: ['service'],
          granularity: 'minute',
        });
        for (const service of ['code', 'conv'] as const) {
          const sums = TOKENS.map((metric) =>
            answer.series
              .filter((series) => series.metric === metric && series.dimensions['service'] === service)
              .flatMap((series) => series.points)
              .reduce((sum, point) => sum + Number(point.value), 0),
          );
          expect(sums).toEqual(TOTALS[service]);
        }
        return answer;
      };
      await byMinute();
      await untilRolledUp(system(), (status) => Number(status['dirtyBuckets']) === 0);
      expect((await byMinute()).tiersRead).toEqual(['1m']);
      expect((await askAnew(system(), { metrics: TOKENS, ...DAY })).tiersRead).toEqual(['1d']);
      await expectAzureTotals();
    },
    150_000,
  );

  itOn(APACHE)(
    'counts every line of an access log, copies of lines included',
    async () => {
      const file = path.join(APACHE ?? '', 'apache_logs');
      await command(system(), ['import', 'http.combined-log', file], stateDir());
      await untilStored(system());
      const range = { from: '2015-05-17T00:00:00Z', to: '2015-05-21T00:00:00Z' };
      const totals = await ask(system(), {
        metrics: ['http.requests', 'http.errors', 'http.bytes', 'http.unique_clients', 'http.error_rate'],
        ...range,
      });
      const errors = 213 + 3 + 2 + 2;
      expect(valueOf(totals, 'http.requests')).toBe(10_000);
      expect(valueOf(totals, 'http.errors')).toBe(errors);
      expect(valueOf(totals, 'http.error_rate')).toBe(2.2);
      expect(valueOf(totals, 'http.bytes')).toBe(bytesOf(file));
      // Distinct counts are exact up to 2,000.
      expect(valueOf(totals, 'http.unique_clients')).toBe(1_753);
      expect(totals.estimates.map((estimate) => estimate.metric)).toEqual(['http.unique_clients']);

      const byStatus = await ask(system(), { metrics: ['http.requests'], ...range, groupBy: ['status'] });
      const statuses = {
        '200': 9126,
        '304': 445,
        '404': 213,
        '301': 164,
        '206': 45,
        '500': 3,
        '403': 2,
        '416': 2,
      };
      expect(
        Object.fromEntries(
          byStatus.series.map((series) => [series.dimensions['status'], series.points[0]?.value]),
        ),
      ).toEqual(statuses);

      for (const timeZone of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
        const byDay = await ask(system(), {
          metrics: ['http.requests'],
          from: '2015-05-16',
          to: '2015-05-22',
          granularity: 'day',
          timeZone,
        });
        const points = Object.fromEntries(
          byDay.series[0]?.points.map((point) => [
            localDay(Date.parse(point.start), timeZone),
            point.value,
          ]) ?? [],
        );
        expect({ timeZone, points }).toEqual({ timeZone, points: countByDay(file, timeZone) });
      }
    },
    IMPORT_TIMEOUT_MS,
  );
}

const LOG_TIME = /\[(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\]/;

/** The oracle: the log counted line by line with nothing but `Date` and `Intl`. */
function countByDay(file: string, timeZone: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const [, day, month, year, time, offset] = LOG_TIME.exec(line) ?? [];
    const local = localDay(Date.parse(`${day} ${month} ${year} ${time} ${offset}`), timeZone);
    counts[local] = (counts[local] ?? 0) + 1;
  }
  return counts;
}

function localDay(instantMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(instantMs);
}

function bytesOf(file: string): number {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => Number(/" \d{3} (\d+) "/.exec(line)?.[1] ?? 0))
    .reduce((sum, bytes) => sum + bytes, 0);
}

import { describe, expect, it } from '@jest/globals';
import type { OwnMetric } from '@tidemark/catalog';
import { compileOwnMeasure, type OwnBaseMetric } from '@tidemark/core';
import { organization } from '../domain/testing.ts';
import { createOwnMeasures } from './own-measures.ts';
import { createSilentLog } from './testing.ts';

const { key, ...declaration }: OwnBaseMetric = {
  kind: 'base',
  key: 'own.size',
  title: 'Size',
  description: '',
  unit: 'By',
  direction: 'neutral',
  eventTypes: ['file.stored'],
  value: 'data.size',
  aggregation: 'sum',
  dimensions: [],
};
const fingerprint = compileOwnMeasure({ key, ...declaration })?.fingerprint ?? '';

function stored(change: Partial<OwnMetric>): OwnMetric {
  const rollup = { fingerprint, adoption: 3n, isConfirmed: true };
  return { key, declaration, createdAtMs: 0, updatedAtMs: 0, revision: 1, rollup, ...change };
}

function open(metrics: readonly OwnMetric[]) {
  const givenUp: string[] = [];
  const own = createOwnMeasures({
    definitions: {
      metricsOf: () => Promise.resolve(metrics),
      giveUpMetric: async (_organization, name, adoption) => {
        givenUp.push(`${name} ${adoption}`);
      },
    },
    log: createSilentLog(),
  });
  return { own, givenUp };
}

async function ownMeasures(metrics: readonly OwnMetric[]) {
  const { own, givenUp } = open(metrics);
  const measures = await own.of(organization());
  return { fingerprints: measures.map((measure) => measure.fingerprint), givenUp };
}

describe('own measures', () => {
  it('are those of adopted metrics, confirmed or not, each once', async () => {
    const metrics = [
      stored({}),
      stored({ key: 'own.twin', rollup: { fingerprint, adoption: 4n, isConfirmed: false } }),
      stored({ key: 'own.raw', rollup: null }),
    ];
    expect(await ownMeasures(metrics)).toEqual({ fingerprints: [fingerprint], givenUp: [] });
  });

  it.each([
    ['is compiled differently', { rollup: { fingerprint: 'other', adoption: 9n, isConfirmed: true } }],
    ['cannot be read', { declaration: { kind: 'unheard of' } }],
    ['is at fault', { declaration: { ...declaration, value: 'nowhere' } }],
  ])('of what %s are given up', async (_name, change) => {
    const { fingerprints, givenUp } = await ownMeasures([stored(change)]);
    expect(fingerprints).toEqual([]);
    expect(givenUp).toHaveLength(1);
  });

  it('are given up by all metrics that are kept in them, and by no other', async () => {
    const { own, givenUp } = open([
      stored({}),
      stored({ key: 'own.twin', rollup: { fingerprint, adoption: 4n, isConfirmed: false } }),
      stored({ key: 'own.other', rollup: { fingerprint: 'other', adoption: 5n, isConfirmed: true } }),
      stored({ key: 'own.raw', rollup: null }),
    ]);
    const [measure] = await open([stored({})]).own.of(organization());
    if (measure === undefined) throw new Error('the measure of the metric is made');
    await own.giveUp(organization(), measure);
    expect(givenUp).toEqual(['own.size 3', 'own.twin 4']);
  });
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '@tidemark/core';
import { PACKS } from '../index.ts';
import { parking } from './parking.ts';

const GUIDE = path.resolve(import.meta.dirname, '../../../../docs/add-a-domain.md');
const SOURCE = path.join(import.meta.dirname, 'parking.ts');

describe('docs/add-a-domain.md', () => {
  it('shows the example as it is', () => {
    const [, shown] = /```ts\n([^]*?)```/.exec(readFileSync(GUIDE, 'utf8')) ?? [];
    expect(shown).toBe(readFileSync(SOURCE, 'utf8'));
  });

  it('shows one that stands beside all packs, without another line anywhere', () => {
    const catalogue = createCatalogue([...PACKS, parking]);
    expect(catalogue.metric('parking.entries_per_hour')).toMatchObject({
      kind: 'derived',
      role: 'viewer',
      eventTypes: ['car.entered'],
      dimensions: [{ key: 'park' }],
    });
    expect(catalogue.metric('parking.stay_p95')).toMatchObject({
      kind: 'state',
      dimensions: [{ key: 'park' }],
    });
    expect(catalogue.metric('parking.revenue')?.role).toBe('admin');
  });

  it('shows one whose mistakes would be told, all at once', () => {
    const [entries, ...rest] = parking.metrics;
    if (entries?.kind !== 'base') throw new Error('the first metric counts entries');
    const wrong = {
      ...parking,
      metrics: [{ ...entries, eventTypes: ['car.entred'], dimensions: ['prak'] }, ...rest],
    };
    expect(() => createCatalogue([wrong])).toThrow(/car\.entred[^]*prak/);
  });
});

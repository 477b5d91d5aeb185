/** The main job, whole: the same suite on one process with Node alone and on Kafka, ClickHouse, Postgres and Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeCachedAnswers } from './cached-answers.ts';
import { describeCredentials } from './credentials.ts';
import { describeDocumented } from './documented.ts';
import { describeEventsIn } from './events-in.ts';
import { describeLiveFeed } from './live-feed.ts';
import { describeOperators } from './operators.ts';
import { describeOwnMetrics } from './own-metrics.ts';
import { describeQuestionsOut } from './questions-out.ts';
import { describeRealInput } from './real-input.ts';
import { profileUnderTest, startSystem } from './system.ts';
import type { System } from './system.ts';

const START_TIMEOUT_MS = 90_000;

describe(`Tidemark, ${profileUnderTest()}`, () => {
  let system: System;
  const stateDir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-e2e-state-'));

  beforeAll(async () => {
    system = await startSystem();
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await system?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  describe('real input', () =>
    describeRealInput(
      () => system,
      () => stateDir,
    ));
  describe('credentials', () => describeCredentials(() => system));
  describe('events in', () => describeEventsIn(() => system));
  describe('questions out', () => describeQuestionsOut(() => system));
  describe('own metrics', () => describeOwnMetrics(() => system));
  describe('cached answers', () => describeCachedAnswers(() => system));
  describe('live feed', () => describeLiveFeed(() => system));
  describe('operators', () =>
    describeOperators(
      () => system,
      () => stateDir,
    ));
  describe('documented', () => describeDocumented(() => system));
});

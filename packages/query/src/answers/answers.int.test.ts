import { randomUUID } from 'node:crypto';
import { createRedisCache } from '@tidemark/cache';
import { beforeEach } from '@jest/globals';
import { describeKeptAnswers } from './test-kept-answers.ts';

const url = process.env['TIDEMARK_TEST_REDIS_URL'];
if (url === undefined) throw new Error('TIDEMARK_TEST_REDIS_URL must name a Redis to test against');

let keyPrefix = '';
beforeEach(() => {
  keyPrefix = `test:${randomUUID()}:`;
});

describeKeptAnswers('Redis', () =>
  Promise.resolve(
    createRedisCache({ url, keyPrefix, log: { info: () => undefined, warn: () => undefined } }),
  ),
);

/**
 * One configuration; `scripts/test.mjs` picks the files through TIDEMARK_TEST_FILES. A bare `npx jest <path>` sees
 * every test file.
 */
const FILES = {
  all: { testMatch: ['**/*.test.ts'], testPathIgnorePatterns: ['/node_modules/'] },
  /** No process, no network, no backend. */
  unit: {
    testMatch: ['**/*.test.ts'],
    testPathIgnorePatterns: ['/node_modules/', '\\.(int|e2e|node)\\.test\\.ts$'],
  },
  /** Everything that needs only Node. */
  node: { testMatch: ['**/*.test.ts'], testPathIgnorePatterns: ['/node_modules/', '\\.int\\.test\\.ts$'] },
  /** What runs against real Kafka, ClickHouse, Postgres and Redis. */
  real: { testMatch: ['**/*.int.test.ts', '**/*.e2e.test.ts'], testPathIgnorePatterns: ['/node_modules/'] },
};

/**
 * Modules that fastify and its plugins `require` though they are ESM: Node does that by itself from 20.19 on, jest's module
 * system on Node 20 does not, so for tests they are turned into CommonJS.
 */
const REQUIRED_ESM = 'cookie|content-disposition';

const picked = process.env.TIDEMARK_TEST_FILES ?? 'all';
if (!Object.hasOwn(FILES, picked)) {
  throw new Error(`TIDEMARK_TEST_FILES is ${picked}, expected one of ${Object.keys(FILES).join(', ')}`);
}

export default {
  testEnvironment: 'node',
  ...FILES[picked],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
    [`/node_modules/(${REQUIRED_ESM})/.+\\.js$`]: [
      '@swc/jest',
      { jsc: { target: 'es2023' }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${REQUIRED_ESM})/)`],
  roots: ['<rootDir>/packages', '<rootDir>/services'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.cache/'],
  testTimeout: 120_000,
};

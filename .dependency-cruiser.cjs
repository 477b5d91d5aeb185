/**
 * Who may depend on whom:
 *
 *   core <- contracts <- runtime <- bus, warehouse, catalog, cache, artifacts <- query, packs, exports <- services <- standalone
 *
 * Each rule names what a package may reach; all else of this repository is forbidden to it. `npm run boundaries` proves
 * first, with planted violations, that every rule still catches what it is for.
 */
const PORTS = ['bus', 'warehouse', 'catalog', 'cache', 'artifacts'];
const BELOW_SERVICES = ['core', 'contracts', 'runtime', ...PORTS, 'query', 'packs', 'exports'];
const TEST_FILE = '\\.test\\.ts$';
/** Support of tests: conformance suites, testkit, fixtures. Never part of a bundle that runs in production. */
const TEST_SUPPORT =
  '^packages/(testkit|bench|faults|e2e)/|/(conformance|testing|simulation)/|/(conformance|test)[^/]*\\.ts$';
const TEST_CODE = `${TEST_FILE}|${TEST_SUPPORT}`;

/** The packages a package may reach, itself included. */
const REACH = {
  core: [],
  contracts: ['core'],
  runtime: ['core', 'contracts'],
  ...Object.fromEntries(PORTS.map((port) => [port, ['core', 'contracts', 'runtime']])),
  query: ['core', 'contracts', 'runtime', ...PORTS],
  packs: ['core', 'contracts'],
  exports: ['core'],
  cli: ['core', 'contracts', 'packs'],
};

/** Drivers, and the packages that may name them: a driver behind a port is nobody else's business. */
const DRIVERS = [
  { driver: 'kafkajs|lmdb', owner: 'bus' },
  { driver: '@clickhouse/client|chdb', owner: 'warehouse' },
  { driver: 'pg|@electric-sql/pglite', owner: 'catalog' },
  { driver: 'ioredis', owner: 'cache' },
];

const REASON_LAYERS = 'dependencies point one way; move the shared part down, or pass it in from above';

const forbidden = [
  ...Object.entries(REACH).map(([name, reach]) => ({
    name: `layer-${name}`,
    comment: REASON_LAYERS,
    severity: 'error',
    from: { path: `^packages/${name}/src/`, pathNot: TEST_CODE },
    to: { path: '^(packages|services)/', pathNot: `^packages/(${[name, ...reach].join('|')})/` },
  })),
  {
    name: 'layer-service',
    comment: `${REASON_LAYERS}; a service never imports another: they meet on the bus and in the stores`,
    severity: 'error',
    from: { path: '^services/([^/]+)/src/', pathNot: TEST_CODE },
    to: { path: '^(packages|services)/', pathNot: `^services/$1/|^packages/(${BELOW_SERVICES.join('|')})/` },
  },
  {
    name: 'layer-standalone',
    comment: REASON_LAYERS,
    severity: 'error',
    from: { path: '^packages/standalone/src/', pathNot: TEST_CODE },
    to: { path: '^packages/', pathNot: `^packages/(standalone|${BELOW_SERVICES.join('|')})/` },
  },
  {
    name: 'core-is-pure',
    comment: 'core runs anywhere and does no I/O: time, randomness and hashing come in from outside',
    severity: 'error',
    from: { path: '^packages/core/src/', pathNot: TEST_FILE },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'tests-stay-out-of-production',
    comment: 'testkit, bench and conformance suites serve tests, benchmarks and scripts only',
    severity: 'error',
    from: { path: '^(packages|services)/', pathNot: TEST_CODE },
    to: { path: TEST_CODE },
  },
  ...DRIVERS.map(({ driver, owner }) => ({
    name: `driver-of-${owner}`,
    comment: `only packages/${owner} and the support of tests talk to ${driver.replaceAll('|', ' or ')}`,
    severity: 'error',
    from: { path: '^(packages|services)/', pathNot: `^packages/${owner}/|${TEST_CODE}` },
    to: { path: `(^|/)node_modules/(${driver})/` },
  })),
  {
    name: 'packages-by-name',
    comment: 'another package is imported by its name, so that its exports say what is public',
    severity: 'error',
    from: { path: '^((?:packages|services)/[^/]+)/' },
    to: { path: '^(packages|services)/', pathNot: '^$1/', dependencyTypes: ['local'] },
  },
  {
    name: 'no-cycles',
    comment: 'modules that need each other are one module, or a third is missing',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-unresolvable',
    comment: 'the import leads nowhere',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-orphans',
    comment: 'nobody imports this module and it imports nobody',
    severity: 'error',
    from: { orphan: true, pathNot: `${TEST_FILE}|/(main|index)\\.ts$|\\.d\\.ts$` },
    to: {},
  },
];

module.exports = {
  forbidden,
  options: {
    // TypeScript 7 offers no parser to other programs; swc reads the same sources.
    parser: 'swc',
    exclude: { path: '^services/gateway/dashboard/|/dist/' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};

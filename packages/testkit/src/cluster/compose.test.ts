import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readComposeFile } from './compose-file.ts';
import { findRepositoryRoot } from './repository.ts';

const { services, volumes } = readComposeFile();
const SERVICES = ['aggregator', 'gateway', 'ingest'];
const BACKENDS = ['clickhouse', 'kafka', 'postgres', 'redis'];

describe('docker-compose.yml', () => {
  it('runs the services and their backends', () => {
    expect(Object.keys(services).toSorted()).toEqual([...SERVICES, ...BACKENDS].toSorted());
  });

  it.each([...SERVICES, ...BACKENDS])('pins %s to an exact version', (name) => {
    expect(services[name]?.image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)*(-alpine)?$/);
  });

  it.each([...SERVICES, ...BACKENDS])('knows whether %s is healthy', (name) => {
    expect(services[name]?.healthcheck).toHaveProperty('test');
  });

  it.each(SERVICES)('starts %s after healthy backends', (name) => {
    expect(services[name]?.depends_on).toEqual(
      Object.fromEntries(BACKENDS.map((backend) => [backend, { condition: 'service_healthy' }])),
    );
  });

  it('publishes the gateway and ingest alone', () => {
    const published = Object.entries(services).filter(([, service]) => (service.ports ?? []).length > 0);
    expect(published.map(([name]) => name).toSorted()).toEqual(['gateway', 'ingest']);
  });

  it('keeps what must survive in named volumes', () => {
    expect(Object.keys(volumes ?? {}).toSorted()).toEqual(['clickhouse-data', 'kafka-data', 'postgres-data']);
  });

  it('holds no secret: each is demanded from the environment', () => {
    const text = readFileSync(path.join(findRepositoryRoot(), 'docker-compose.yml'), 'utf8');
    const secrets = [...text.matchAll(/\$\{(\w*(?:PASSWORD|KEY))(:\?)?/g)];
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(([, , demanded]) => demanded === undefined)).toEqual([]);
    const example = readFileSync(path.join(findRepositoryRoot(), 'infra/docker/example.env'), 'utf8');
    for (const [, name] of secrets) expect(example).toContain(`\n${name}=\n`);
  });

  it('runs the Kafka that infra/kafka/pom.xml fetches', () => {
    const pom = readFileSync(path.join(findRepositoryRoot(), 'infra/kafka/pom.xml'), 'utf8');
    const [, version] = /<kafka\.version>([^<]+)</.exec(pom) ?? [];
    expect(services['kafka']?.image).toBe(`apache/kafka:${version}`);
  });
});

describe('infra/docker/Dockerfile', () => {
  const text = readFileSync(path.join(findRepositoryRoot(), 'infra/docker/Dockerfile'), 'utf8');

  it('builds on exact versions and runs as somebody without privileges', () => {
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    expect(bases.length).toBeGreaterThan(0);
    for (const base of bases) expect(base).toMatch(/^node:\d+\.\d+\.\d+-bookworm-slim$/);
    expect(text).toMatch(/^USER node$/m);
  });

  it.each(SERVICES)('builds the bundle that %s runs', (name) => {
    expect(services[name]?.command).toEqual([`dist/${name}.js`]);
    expect(text).toMatch(new RegExp(`scripts/build\\.mjs [a-z ]*\\b${name}\\b`));
  });
});

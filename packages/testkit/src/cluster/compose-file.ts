import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { findRepositoryRoot } from './repository.ts';

/** What the testkit reads of `docker-compose.yml`, the one place that pins the versions of the backends. */
export interface ComposeService {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

/** Merge keys (`<<`) are resolved; variables are left as written. */
export function readComposeFile(): ComposeFile {
  const text = readFileSync(path.join(findRepositoryRoot(), 'docker-compose.yml'), 'utf8');
  return parse(text, { merge: true }) as ComposeFile;
}

/** @throws Error when the compose file pins no image for that backend. */
export function findImage(service: string): string {
  const image = readComposeFile().services[service]?.image;
  if (image === undefined) throw new Error(`docker-compose.yml names no image for ${service}`);
  return image;
}

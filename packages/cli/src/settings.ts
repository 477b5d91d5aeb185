import path from 'node:path';
import { homedir } from 'node:os';
import type { CliContext } from './context.ts';
import { usageFault } from './fault.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Where the server is and who is asking. */
export interface Settings {
  /** Without a slash at the end. */
  readonly url: string;
  /** Where events are posted; the same as `url` unless ingest has a port of its own. */
  readonly ingestUrl: string;
  readonly apiKey: string;
  /** Where interrupted imports are remembered. */
  readonly stateDirectory: string;
}

/**
 * Reads `TIDEMARK_URL`, `TIDEMARK_INGEST_URL`, `TIDEMARK_API_KEY` and `XDG_STATE_HOME`.
 * @throws CliFault naming every variable that is wrong
 */
export function readSettings(environment: CliContext['environment']): Settings {
  const faults: string[] = [];
  const url = readUrl(environment, 'TIDEMARK_URL', DEFAULT_URL, faults);
  const ingestUrl = readUrl(environment, 'TIDEMARK_INGEST_URL', url, faults);
  const apiKey = environment['TIDEMARK_API_KEY']?.trim() ?? '';
  if (apiKey === '') faults.push('TIDEMARK_API_KEY is not set: it must hold an API key (tm_…)');
  if (faults.length > 0) throw usageFault(faults.join('\n'));
  const stateHome = environment['XDG_STATE_HOME'] || path.join(homedir(), '.local', 'state');
  return { url, ingestUrl, apiKey, stateDirectory: path.join(stateHome, 'tidemark') };
}

function readUrl(
  environment: CliContext['environment'],
  name: string,
  fallback: string,
  faults: string[],
): string {
  const text = environment[name]?.trim() || fallback;
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isHttp) faults.push(`${name} is ${JSON.stringify(text)}, expected an http or https address`);
  return text.replace(/\/+$/, '');
}

import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  conversationEvents,
  hostEvents,
  isHandedOff,
  readStatuses,
  readTrajectories,
  traffic,
} from './pack-logs.ts';
import { findSharedData } from './shared-data.ts';

const TAU_BENCH = findSharedData('tau-bench-agent');
const NGINX = findSharedData('nginx-plus-status');
const describeOn = (folder: string | null) => (folder === null ? describe.skip : describe);

function countByType(events: readonly { readonly type: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of events) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

describeOn(TAU_BENCH)('trajectories of tau-bench as events', () => {
  it('have every message and tool call', () => {
    const runs = readTrajectories(path.join(TAU_BENCH ?? '', 'gpt-4o-airline.json'));
    const events = conversationEvents(runs);
    expect(countByType(events)).toEqual({
      'conversation.started': 200,
      'message.received': 1_490,
      'message.sent': 1_290,
      'workflow.executed': 1_164,
      'conversation.ended': 200,
    });
    expect(events.filter(({ data }) => data['resolved'] === true)).toHaveLength(84);
    expect(runs.filter(isHandedOff)).toHaveLength(48);
    // The first message of a run lies at the instant of its start: ids must tell them apart all the same.
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });
});

describeOn(NGINX)('snapshots of NGINX Plus as events', () => {
  it('have the growth of every counter', () => {
    const statuses = readStatuses(path.join(NGINX ?? '', 'nginxplus_json_logs.jsonl'));
    const events = hostEvents(statuses);
    expect(events).toHaveLength(500);
    expect(new Set(events.map(({ id }) => id)).size).toBe(500);
    const grown = events.reduce((sum, { data }) => sum + Number(data['sent_bytes'] ?? 0), 0);
    const [first, last] = [statuses[0], statuses.at(-1)];
    if (first === undefined || last === undefined) throw new Error('the log is empty');
    expect(grown).toBe(traffic(last, 'sent') - traffic(first, 'sent'));
    expect(events.every(({ data }) => Number(data['sent_bytes'] ?? 0) >= 0)).toBe(true);
  });
});

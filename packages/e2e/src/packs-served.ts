/** Every pack over real logs: numbers counted by other means, and every view that a pack promises. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ask, call, command, send, untilStored, valueOf } from './client.ts';
import {
  AGENT,
  conversationEvents,
  hostEvents,
  isHandedOff,
  type LogEvent,
  readStatuses,
  readTrajectories,
  traffic,
} from './pack-logs.ts';
import { findSharedData } from './shared-data.ts';
import type { System } from './system.ts';

const HELP_DESK = findSharedData('helpdesk-italian');
const MESSAGES = findSharedData('collegemsg');
const TAU_BENCH = findSharedData('tau-bench-agent');
const NGINX = findSharedData('nginx-plus-status');
const itOn = (folder: string | null) => (folder === null ? it.skip : it);
const TIMEOUT_MS = 180_000;
/** So many lines of the long logs: enough for thousands of tickets and senders, few enough to be stored within seconds. */
const LINES = 6_000;
const HOUR_MS = 3_600_000;

const TICKETS = { from: '2010-01-01', to: '2015-01-01' };
const COLLEGE = { from: '2004-04-15', to: '2004-10-27' };
const AIRLINE = { from: '2024-05-15', to: '2024-05-16' };
const SAMPLES = { from: '2015-10-30', to: '2015-11-01' };

interface Section {
  readonly kind: string;
  readonly figures?: Readonly<Record<string, { readonly value: unknown }>>;
  readonly rows?: readonly {
    readonly dimensions: Readonly<Record<string, string | null>>;
    readonly values: Readonly<Record<string, unknown>>;
    readonly isOther: boolean;
  }[];
  readonly subject?: { readonly attributes: Readonly<Record<string, unknown>> } | null;
  readonly trend?: Readonly<Record<string, unknown>>;
  readonly groups?: readonly { readonly count: number }[];
}

async function view(
  system: System,
  place: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, Section>>> {
  const answer = await call(`${system.gatewayUrl}/api/v1/analytics/${place}`, {
    key: system.adminKey,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect({ place, status: answer.status, body: answer.status === 200 ? {} : answer.body }).toEqual({
    place,
    status: 200,
    body: {},
  });
  return answer.body['sections'] as Readonly<Record<string, Section>>;
}

function figure(section: Section | undefined, metric: string): unknown {
  return section?.figures?.[metric]?.value;
}

function inUrl(range: { readonly from: string; readonly to: string }): string {
  return new URLSearchParams(range).toString();
}

async function sendAll(system: System, events: readonly LogEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += 1_000) {
    const answer = await send(system, JSON.stringify(events.slice(at, at + 1_000)));
    expect(answer.body).toMatchObject({ rejected: [] });
  }
}

/** The beginning of a log as a file of its own. */
function beginningOf(file: string, stateDir: string): string {
  const target = path.join(stateDir, path.basename(file));
  writeFileSync(target, readLog(file).join('\n'));
  return target;
}

function readLog(file: string): readonly string[] {
  return readFileSync(file, 'utf8').split(/\r?\n/, LINES);
}

interface Ticket {
  readonly activities: readonly { readonly atMs: number; readonly name: string }[];
}

/** The oracle: the log read with nothing but `split`. */
function readTickets(): readonly Ticket[] {
  const lines = readLog(path.join(HELP_DESK ?? '', 'finale.csv'));
  const tickets = new Map<string, { atMs: number; name: string }[]>();
  for (const line of lines.slice(1)) {
    const [id = '', name = '', , time = ''] = line.split(',');
    const atMs = Date.parse(`${time.replaceAll('/', '-').replace(' ', 'T')}Z`);
    tickets.set(id, [...(tickets.get(id) ?? []), { atMs, name }]);
  }
  return [...tickets.values()].map((activities) => ({ activities }));
}

const RESOLVING = ['Resolve ticket', 'RESOLVED'];

function hoursTo(tickets: readonly Ticket[], names: readonly string[], pick: 'first' | 'last'): number[] {
  return tickets.flatMap(({ activities }) => {
    const times = activities.filter(({ name }) => names.includes(name)).map(({ atMs }) => atMs);
    if (times.length === 0) return [];
    const created = Math.min(...activities.map(({ atMs }) => atMs));
    return [((pick === 'first' ? Math.min(...times) : Math.max(...times)) - created) / HOUR_MS];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How many tickets certainly were closed last, and how many may have been: activities of one instant have no order. */
function closedNow(tickets: readonly Ticket[]): { readonly least: number; readonly most: number } {
  const last = tickets.map(({ activities }) => {
    const endMs = Math.max(...activities.map(({ atMs }) => atMs));
    return activities.filter(({ atMs }) => atMs === endMs).map(({ name }) => name === 'Closed');
  });
  return {
    least: last.filter((isClosed) => isClosed.every(Boolean)).length,
    most: last.filter((isClosed) => isClosed.some(Boolean)).length,
  };
}

export function describePacksServed(system: () => System, stateDir: () => string): void {
  beforeAll(async () => {
    if (HELP_DESK !== null) {
      const file = beginningOf(path.join(HELP_DESK, 'finale.csv'), stateDir());
      await command(system(), ['import', 'support.helpdesk-log', file], stateDir());
    }
    if (MESSAGES !== null) {
      const file = beginningOf(path.join(MESSAGES, 'CollegeMsg.txt'), stateDir());
      await command(system(), ['import', 'messaging.message-log', file, '--set', 'channel=web'], stateDir());
    }
    if (TAU_BENCH !== null) {
      const runs = readTrajectories(path.join(TAU_BENCH, 'gpt-4o-airline.json'));
      await sendAll(system(), conversationEvents(runs));
    }
    if (NGINX !== null) {
      await sendAll(system(), hostEvents(readStatuses(path.join(NGINX, 'nginxplus_json_logs.jsonl'))));
    }
    await untilStored(system());
  }, TIMEOUT_MS);

  itOn(HELP_DESK)(
    'counts tickets as they are now, and the hours between what happened to them',
    async () => {
      const tickets = readTickets();
      const responses = hoursTo(tickets, ['Take in charge ticket'], 'first');
      const resolutions = hoursTo(tickets, RESOLVING, 'last');
      const answer = await ask(system(), {
        metrics: [
          'support.events',
          'support.tickets',
          'support.solved_tickets',
          'support.first_response_avg',
          'support.resolution_avg',
          'support.resolution_max',
          'support.resolutions_within_target',
          'support.resolutions_targeted',
        ],
        ...TICKETS,
      });
      expect(valueOf(answer, 'support.events')).toBe(LINES - 1);
      expect(valueOf(answer, 'support.tickets')).toBe(tickets.length);
      expect(valueOf(answer, 'support.solved_tickets')).toBe(resolutions.length);
      expect(Number(valueOf(answer, 'support.first_response_avg'))).toBeCloseTo(mean(responses), 6);
      expect(Number(valueOf(answer, 'support.resolution_avg'))).toBeCloseTo(mean(resolutions), 6);
      expect(Number(valueOf(answer, 'support.resolution_max'))).toBeCloseTo(Math.max(...resolutions), 6);
      expect(valueOf(answer, 'support.resolutions_targeted')).toBe(resolutions.length);
      const inTime = resolutions.filter((hours) => hours <= 72).length;
      expect(valueOf(answer, 'support.resolutions_within_target')).toBe(inTime);

      const { current } = await view(system(), `distribution/status?${inUrl(TICKETS)}`);
      const rows = current?.rows ?? [];
      const counts = rows.map(({ values }) => Number(values['support.tickets']));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(tickets.length);
      const closed = rows.find(({ dimensions }) => dimensions['status'] === 'closed');
      const { least, most } = closedNow(tickets);
      expect(Number(closed?.values['support.tickets'])).toBeGreaterThanOrEqual(least);
      expect(Number(closed?.values['support.tickets'])).toBeLessThanOrEqual(most);

      const lenient = `performance?${inUrl(TICKETS)}&resolution_hours_other=8784`;
      const { resolution_sla: sla } = await view(system(), lenient);
      expect(figure(sla, 'support.resolutions_within_target')).toBe(
        resolutions.filter((hours) => hours <= 8_784).length,
      );
    },
    TIMEOUT_MS,
  );

  itOn(MESSAGES)(
    'counts messages by account, and a second',
    async () => {
      const answer = await ask(system(), {
        metrics: ['messaging.submitted', 'messaging.tps', 'messaging.active_accounts'],
        ...COLLEGE,
      });
      const seconds = (Date.parse(COLLEGE.to) - Date.parse(COLLEGE.from)) / 1_000;
      const counts = new Map<string, number>();
      for (const line of readLog(path.join(MESSAGES ?? '', 'CollegeMsg.txt'))) {
        const [sender = ''] = line.split(' ');
        counts.set(sender, (counts.get(sender) ?? 0) + 1);
      }
      expect(valueOf(answer, 'messaging.submitted')).toBe(LINES);
      expect(valueOf(answer, 'messaging.tps')).toBeCloseTo(LINES / seconds, 9);
      expect(valueOf(answer, 'messaging.active_accounts')).toBe(counts.size);
      const [[account, count] = ['', 0]] = [...counts].toSorted((a, b) => b[1] - a[1]);
      const busiest = await ask(system(), {
        metrics: ['messaging.submitted'],
        ...COLLEGE,
        groupBy: ['account'],
        orderBy: { metric: 'messaging.submitted', direction: 'desc' },
        limit: 1,
      });
      expect(valueOf(busiest, 'messaging.submitted', { account })).toBe(count);
    },
    TIMEOUT_MS,
  );

  itOn(TAU_BENCH)(
    'tells how conversations ended',
    async () => {
      const runs = readTrajectories(path.join(TAU_BENCH ?? '', 'gpt-4o-airline.json'));
      const { totals, agent } = await view(system(), `agents/${AGENT}?${inUrl(AIRLINE)}`);
      expect(agent?.subject?.attributes).toMatchObject({ agent: AGENT, created_at: '2024-05-15T15:00:00Z' });
      expect(figure(totals, 'agents.messages')).toBe(1_490 + 1_290);
      expect(figure(totals, 'agents.conversations')).toBe(200);
      expect(figure(totals, 'agents.resolution_rate')).toBe(42);
      expect(figure(totals, 'agents.handoff_rate')).toBe(runs.filter(isHandedOff).length / 2);
      const minutes = runs.map(({ traj }) => traj.length / 6);
      expect(Number(figure(totals, 'agents.conversation_length_avg'))).toBeCloseTo(mean(minutes), 6);
      const { agents } = await view(system(), `top-agents?${inUrl(AIRLINE)}&by=conversations`);
      expect(agents?.rows?.map(({ dimensions }) => dimensions['agent'])).toEqual([AGENT]);
    },
    TIMEOUT_MS,
  );

  itOn(NGINX)(
    'tells how a host fared',
    async () => {
      const statuses = readStatuses(path.join(NGINX ?? '', 'nginxplus_json_logs.jsonl'));
      const [first, last] = [statuses[0], statuses.at(-1)];
      if (first === undefined || last === undefined) throw new Error('the log is empty');
      const answer = await ask(system(), {
        metrics: ['messaging.sent_bytes', 'messaging.connections_max', 'messaging.connections_last'],
        ...SAMPLES,
        groupBy: ['host'],
      });
      const open = statuses.map(({ connections }) => connections.active + connections.idle);
      const host = { host: first.address };
      expect(valueOf(answer, 'messaging.sent_bytes', host)).toBe(
        traffic(last, 'sent') - traffic(first, 'sent'),
      );
      expect(valueOf(answer, 'messaging.connections_max', host)).toBe(Math.max(...open));
      expect(valueOf(answer, 'messaging.connections_last', host)).toBe(open.at(-1));
    },
    TIMEOUT_MS,
  );

  it('takes measurements under names of their own, and tells them back', async () => {
    const time = new Date().toISOString();
    const recorded = await call(`${system().ingestUrl}/api/v1/analytics/metrics?wait=visible&timeout=60`, {
      key: system().adminKey,
      body: JSON.stringify([
        { name: 'served.depth', type: 'gauge', value: 3, labels: { host: 'a' }, time },
        { name: 'served.depth', type: 'gauge', value: '4.5', labels: { host: 'b' }, time },
        { name: 'served.depth', type: 'level', value: 1 },
      ]),
    });
    expect(recorded.body).toMatchObject({ accepted: 2, rejected: [{ index: 2, pointer: '/type' }] });
    const { totals } = await view(system(), 'custom/served.depth?from=now-1h&to=now%2B1m');
    expect(figure(totals, 'custom.recorded')).toBe(2);
    expect(figure(totals, 'custom.value_sum')).toBe(7.5);
  });

  describe('answers every view', () => {
    it.each([
      'dashboard/usage',
      'dashboard/cost',
      'dashboard/performance',
      'dashboard/behavior',
      'aggregated/usage',
      'aggregated/cost?group_by=model',
      'aggregated/performance',
      'aggregated/behavior',
      'time-series/usage/feature_uses',
      'time-series/cost/cost?compare=previous_period',
      'time-series/performance/throughput',
      'time-series/behavior/bounce_rate',
      'overview',
      'agents/nobody',
      'usage?agent=x',
      'conversations?channel=chat',
      'top-agents?by=error_rate&direction=asc',
      'summary?hours=48&service=web',
      'user/nobody',
      'dashboard',
      `time-series/tickets?${inUrl(TICKETS)}&granularity=month&group_by=priority`,
      `performance?${inUrl(TICKETS)}&priority=high`,
      'distribution/priority',
      'distribution/sentiment',
      'distribution/first_response',
      'distribution/resolution',
      'metrics/messages/realtime?window_seconds=60',
      'metrics/campaigns/none',
      'metrics/system',
      'metrics/accounts/1?timeZone=Europe/Rome',
      'metrics/routes',
      'trends/messages?granularity=hour&hours=24',
      'dashboard/summary',
      'custom/nothing',
    ])('GET %s', async (place) => {
      expect(Object.keys(await view(system(), place)).length).toBeGreaterThan(0);
    });

    it.each([
      ['dashboard/usage', { filters: [{ dimension: 'feature', op: 'eq', value: 'search' }] }],
      [
        'aggregations',
        { ...TICKETS, metrics: ['support.tickets', 'support.open_tickets'], group_by: 'priority' },
      ],
    ])('POST %s', async (place, body) => {
      expect(Object.keys(await view(system(), place, body)).length).toBeGreaterThan(0);
    });
  });
}

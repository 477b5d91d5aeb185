/** Real logs that no import mapping can read, as events. What is assumed of them stands in docs/packs/README.md. */
import { readFileSync } from 'node:fs';

export interface LogEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Trajectory {
  readonly task_id: number;
  readonly trial: number;
  readonly reward: number;
  readonly info: { readonly task: { readonly user_id: string } };
  readonly traj: readonly {
    readonly role: string;
    readonly tool_calls?: readonly { readonly function: { readonly name: string } }[] | null;
  }[];
}

export const AGENT = 'gpt-4o-airline';
const HANDOFF = 'transfer_to_human_agents';
/** The trajectories bear no times: these are given to them. */
const FIRST_CONVERSATION_MS = Date.UTC(2024, 4, 15, 15);
const BETWEEN_CONVERSATIONS_MS = 60_000;
const BETWEEN_MESSAGES_MS = 10_000;

export function readTrajectories(file: string): readonly Trajectory[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Trajectory[];
}

/** Conversations of an agent with people, from the trajectories of tau-bench. */
export function conversationEvents(runs: readonly Trajectory[]): LogEvent[] {
  return runs.flatMap((run, index) => {
    const startMs = FIRST_CONVERSATION_MS + index * BETWEEN_CONVERSATIONS_MS;
    const conversation = `${run.task_id}-${run.trial}`;
    const about = { conversation, agent: AGENT, user: run.info.task.user_id, channel: 'chat' };
    const event = (step: number, type: string, data: LogEvent['data'] = {}): LogEvent => ({
      specversion: '1.0',
      id: `${conversation}-${step}`,
      source: '/import/agents/tau-bench',
      type,
      time: new Date(startMs + step * BETWEEN_MESSAGES_MS).toISOString(),
      data: { ...about, ...data },
    });
    const said = run.traj.flatMap(({ role, tool_calls: calls }, step) => {
      if (role === 'user') return [event(step, 'message.received')];
      if (role !== 'assistant') return [];
      const [call] = calls ?? [];
      if (call === undefined) {
        return [event(step, 'message.sent', { response_time_ms: BETWEEN_MESSAGES_MS })];
      }
      return [event(step, 'workflow.executed', { workflow: call.function.name })];
    });
    const ended = event(run.traj.length, 'conversation.ended', {
      resolved: run.reward === 1,
      handed_off: isHandedOff(run),
    });
    return [event(0, 'conversation.started'), ...said, ended];
  });
}

export function isHandedOff({ traj }: Trajectory): boolean {
  return traj.some(({ tool_calls: calls }) => calls?.some((call) => call.function.name === HANDOFF) === true);
}

export interface ServerStatus {
  readonly address: string;
  readonly timestamp: number;
  readonly connections: { readonly active: number; readonly idle: number };
  readonly server_zones: Readonly<Record<string, { readonly received: number; readonly sent: number }>>;
}

export function readStatuses(file: string): readonly ServerStatus[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ServerStatus);
}

export function traffic({ server_zones: zones }: ServerStatus, direction: 'received' | 'sent'): number {
  return Object.values(zones).reduce((sum, zone) => sum + zone[direction], 0);
}

/** Samples of a host, from snapshots of NGINX Plus. Its counters grow for ever: each sample has the difference to the one before. */
export function hostEvents(statuses: readonly ServerStatus[]): LogEvent[] {
  return statuses.map((status, index) => {
    const before = statuses[index - 1];
    const grown = (direction: 'received' | 'sent') =>
      before === undefined ? undefined : traffic(status, direction) - traffic(before, direction);
    return {
      specversion: '1.0',
      id: `${status.address}-${status.timestamp}`,
      source: '/import/messaging/nginx-plus',
      type: 'host.sampled',
      time: new Date(status.timestamp).toISOString(),
      data: {
        host: status.address,
        connections: status.connections.active + status.connections.idle,
        received_bytes: grown('received'),
        sent_bytes: grown('sent'),
      },
    };
  });
}

import type { MetricDeclaration, StateMetric } from '@tidemark/core';
import { statistics } from '../statistics.ts';

/** Sessions lie where they began; one that is still going on counts with what it has lasted so far. */
const SESSIONS = {
  kind: 'state',
  subject: 'llm.session',
  at: 'started_at',
  dimensions: ['entry_page', 'exit_page', 'referrer', 'user', 'session'],
} as const satisfies Partial<StateMetric>;

const DURATION = {
  ...SESSIONS,
  value: { since: 'started_at', until: 'ended_at', unit: 's' },
  unit: 's',
  direction: 'up-is-better',
} as const satisfies Partial<StateMetric>;

/** The same target for every session: to have ended at the instant it began. */
const AT_ONCE = { attribute: 'session', values: {}, otherwise: 0 } as const;

export const sessionMetrics: readonly MetricDeclaration[] = [
  {
    ...SESSIONS,
    key: 'llm.sessions_started',
    title: 'Sessions begun',
    description: 'Visits that began in the range, exactly counted.',
    unit: '{session}',
    direction: 'up-is-better',
    aggregation: 'count',
  },
  ...statistics(
    DURATION,
    'llm.session_duration',
    'Session duration',
    { value: 'time from the first to the newest event', of: 'sessions' },
    ['avg', 'max', 'p50', 'p95'],
  ),
  {
    ...SESSIONS,
    value: DURATION.value,
    key: 'llm.bounced_sessions',
    title: 'Bounced sessions',
    description: 'Visits whose first event is their only one (or whose events all bear one time).',
    unit: '{session}',
    direction: 'down-is-better',
    aggregation: 'within',
    targets: AT_ONCE,
  },
  {
    kind: 'derived',
    key: 'llm.bounce_rate',
    title: 'Bounce rate',
    description: 'Share of visits whose first event is their only one.',
    unit: '%',
    direction: 'down-is-better',
    expression: 'llm.bounced_sessions / llm.sessions_started * 100',
  },
];

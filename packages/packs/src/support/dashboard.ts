import type { ViewSection } from '@tidemark/core';
import { HOURS } from './views.ts';

export const supportDashboard: readonly ViewSection[] = [
  {
    kind: 'figures',
    key: 'tickets',
    title: 'Tickets',
    query: {
      metrics: [
        'support.tickets',
        'support.open_tickets',
        'support.unanswered_tickets',
        'support.solved_tickets',
        'support.backlog_growth',
        'support.ticket_sentiment_avg',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'figures',
    key: 'times',
    title: 'Times and promises kept',
    query: {
      metrics: [
        'support.first_response_p50',
        'support.first_response_p95',
        'support.response_compliance',
        'support.resolution_p50',
        'support.resolution_p95',
        'support.resolution_compliance',
      ],
      compare: 'previous_period',
    },
  },
  {
    kind: 'series',
    key: 'created_and_solved',
    title: 'Created and solved',
    query: {
      metrics: ['support.tickets', 'support.solved_tickets'],
      granularity: '{granularity}',
      fill: 'zero',
    },
  },
  {
    kind: 'series',
    key: 'compliance',
    title: 'Promises kept',
    query: {
      metrics: ['support.response_compliance', 'support.resolution_compliance'],
      granularity: '{granularity}',
      fill: 'null',
    },
  },
  {
    kind: 'series',
    key: 'sentiment',
    title: 'Sentiment',
    query: { metrics: ['support.sentiment_avg'], granularity: '{granularity}', fill: 'null' },
  },
  ...(['status', 'priority', 'channel', 'category'] as const).map((dimension) => ({
    kind: 'table' as const,
    key: `by_${dimension}`,
    title: `Tickets by ${dimension}`,
    query: {
      metrics: ['support.tickets', 'support.open_tickets'],
      groupBy: [dimension],
      orderBy: { metric: 'support.tickets', direction: 'desc' as const },
      limit: 10,
    },
  })),
  {
    kind: 'table',
    key: 'by_assignee',
    title: 'Staff',
    query: {
      metrics: [
        'support.solved_tickets',
        'support.open_tickets',
        'support.first_response_p50',
        'support.resolution_p50',
        'support.resolution_compliance',
      ],
      groupBy: ['assignee'],
      orderBy: { metric: 'support.solved_tickets', direction: 'desc' },
      limit: 10,
    },
  },
  {
    kind: 'distribution',
    key: 'resolution_distribution',
    title: 'How long resolutions took',
    query: { metric: 'support.resolution_avg', bounds: HOURS },
  },
  {
    kind: 'subjects',
    key: 'newest_tickets',
    title: 'Tickets touched last',
    subject: 'support.ticket',
    // Without the requester, who is a person.
    attributes: ['status', 'priority', 'channel', 'category', 'team', 'assignee', 'created_at', 'updated_at'],
    limit: 20,
  },
];

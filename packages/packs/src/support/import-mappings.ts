import type { ImportMapping } from '@tidemark/core';

/**
 * Of this log, "Assign seriousness" is the first activity of nearly every ticket ("Insert ticket" of the others), and comes again when the
 * seriousness changes. Times bear no zone and are taken for UTC.
 */
const ACTIVITIES = {
  'Insert ticket': 'ticket.created',
  'Assign seriousness': 'ticket.created',
  'Take in charge ticket': 'ticket.responded',
  'Resolve ticket': 'ticket.resolved',
  RESOLVED: 'ticket.resolved',
} as const;

const STATUSES = {
  'Insert ticket': 'new',
  'Assign seriousness': 'new',
  'Take in charge ticket': 'in progress',
  'Schedule intervention': 'in progress',
  'Resolve SW anomaly': 'in progress',
  Wait: 'waiting',
  'Require upgrade': 'waiting',
  'Create SW anomaly': 'waiting',
  'Resolve ticket': 'resolved',
  RESOLVED: 'resolved',
  Closed: 'closed',
} as const;

export const supportImportMappings: readonly ImportMapping[] = [
  {
    key: 'support.helpdesk-log',
    title: 'Event log of the help desk of an Italian software company (CSV: Case ID, Activity, Resource, …)',
    format: 'csv',
    eventType: 'ticket.updated',
    eventTypeBy: { column: 'Activity', values: ACTIVITIES },
    source: '/import/support/helpdesk-log',
    time: { column: 'Complete Timestamp', format: 'rfc3339', assumeUtc: true },
    fields: [
      { field: 'data.ticket', column: 'Case ID', type: 'string' },
      { field: 'data.status', column: 'Activity', type: 'string', values: STATUSES },
      { field: 'data.priority', column: 'seriousness_2', type: 'string' },
      { field: 'data.category', column: 'service_type', type: 'string' },
      { field: 'data.product', column: 'product', type: 'string' },
      { field: 'data.service_level', column: 'service_level', type: 'string' },
      { field: 'data.team', column: 'workgroup', type: 'string' },
      { field: 'data.assignee', column: 'Resource', type: 'string' },
      { field: 'data.requester', column: 'customer', type: 'string' },
    ],
    settable: [{ field: 'data.channel', name: 'channel', required: false }],
  },
];

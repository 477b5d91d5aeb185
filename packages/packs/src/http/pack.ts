import type { DimensionDeclaration, EventTypeDeclaration, ImportMapping, Pack } from '@tidemark/core';
import { httpDashboard } from './dashboard.ts';
import { httpMetrics } from './metrics.ts';
import { httpSubjects } from './subjects.ts';
import { httpViews } from './views.ts';

const dimensions: readonly DimensionDeclaration[] = [
  { key: 'service', title: 'Service', field: 'data.service', rolledUp: true },
  { key: 'event_type', title: 'Event type', field: 'data.event_type', rolledUp: true },
  { key: 'method', title: 'Method', field: 'data.method', rolledUp: true },
  { key: 'status', title: 'Status', field: 'data.status', rolledUp: true },
  { key: 'path', title: 'Path', field: 'data.path', rolledUp: false },
  { key: 'client', title: 'Client', field: 'data.client', rolledUp: false },
  { key: 'user', title: 'User', field: 'data.user', rolledUp: false, isPersonal: true },
  { key: 'device', title: 'Device', field: 'data.device', rolledUp: false },
  { key: 'referrer', title: 'Referrer', field: 'data.referrer', rolledUp: false },
  { key: 'agent', title: 'User agent', field: 'data.agent', rolledUp: false },
];

const eventTypes: readonly EventTypeDeclaration[] = [
  {
    type: 'http.request',
    title: 'Request',
    description: 'One request of an API, a site or a device, with how it was answered.',
    fields: [
      { field: 'data.service', type: 'string', description: 'Which service answered.' },
      {
        field: 'data.event_type',
        type: 'string',
        description: 'The kind of request, as the producer names it: api, device, …',
      },
      { field: 'data.method', type: 'string', description: 'The HTTP method.' },
      { field: 'data.path', type: 'string', description: 'What was asked for.' },
      { field: 'data.protocol', type: 'string', description: 'The protocol and its version.' },
      { field: 'data.status', type: 'number', description: 'The HTTP status.' },
      {
        field: 'data.duration_ms',
        type: 'number',
        description: 'From request to response.',
        unit: 'ms',
      },
      { field: 'data.bytes', type: 'number', description: 'Size of the response body.', unit: 'By' },
      { field: 'data.client', type: 'string', description: 'The address that asked.' },
      { field: 'data.user', type: 'string', description: 'Who asked.' },
      { field: 'data.device', type: 'string', description: 'The device that asked.' },
      { field: 'data.referrer', type: 'string', description: 'Where the visitor came from.' },
      { field: 'data.agent', type: 'string', description: 'What software asked.' },
      {
        field: 'data.error_message',
        type: 'string',
        description: 'What went wrong, for a person to read.',
      },
    ],
  },
];

const importMappings: readonly ImportMapping[] = [
  {
    key: 'http.combined-log',
    title: 'Apache or NGINX access log, combined format',
    format: 'combined-log',
    eventType: 'http.request',
    source: '/import/http/combined-log',
    time: { column: 'time', format: 'clf' },
    fields: [
      { field: 'data.client', column: 'client', type: 'string' },
      { field: 'data.user', column: 'user', type: 'string' },
      { field: 'data.method', column: 'method', type: 'string' },
      { field: 'data.path', column: 'path', type: 'string' },
      { field: 'data.protocol', column: 'protocol', type: 'string' },
      { field: 'data.status', column: 'status', type: 'number' },
      { field: 'data.bytes', column: 'bytes', type: 'number' },
      { field: 'data.referrer', column: 'referrer', type: 'string' },
      { field: 'data.agent', column: 'agent', type: 'string' },
    ],
    settable: [
      { field: 'data.service', name: 'service', required: false },
      { field: 'data.event_type', name: 'event_type', required: false },
    ],
  },
];

/** Requests of APIs, sites and devices: volume, duration, status, errors, activity of each user. */
export const http: Pack = {
  key: 'http',
  title: 'Requests',
  description:
    'Requests of APIs, sites and devices: volume, duration, status, errors, activity of each user.',
  eventTypes,
  dimensions,
  metrics: httpMetrics,
  importMappings,
  recorders: [],
  subjects: httpSubjects,
  views: httpViews,
  dashboard: httpDashboard,
};

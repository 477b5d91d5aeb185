import type { SubjectDeclaration } from '@tidemark/core';

export const httpSubjects: readonly SubjectDeclaration[] = [
  {
    kind: 'http.user',
    title: 'User',
    description: 'Who asked, with their first and newest request.',
    isPerson: true,
    events: [{ eventTypes: ['http.request'], id: 'data.user' }],
    attributes: [
      { key: 'user', title: 'User', type: 'string', field: 'data.user', keep: 'last', isPersonal: true },
      { key: 'first_seen', title: 'First request', type: 'time', field: 'time', keep: 'first' },
      { key: 'last_seen', title: 'Newest request', type: 'time', field: 'time', keep: 'last' },
      { key: 'device', title: 'Device, newest', type: 'string', field: 'data.device', keep: 'last' },
      { key: 'service', title: 'Service, newest', type: 'string', field: 'data.service', keep: 'last' },
      { key: 'path', title: 'Path, newest', type: 'string', field: 'data.path', keep: 'last' },
      { key: 'status', title: 'Status, newest', type: 'number', field: 'data.status', keep: 'last' },
      {
        key: 'last_error_at',
        title: 'Newest error',
        type: 'time',
        field: 'time',
        filters: [{ field: 'data.status', op: 'gte', value: 400 }],
        keep: 'last',
      },
      {
        key: 'last_error',
        title: 'Newest error message',
        type: 'string',
        field: 'data.error_message',
        keep: 'last',
      },
    ],
  },
];

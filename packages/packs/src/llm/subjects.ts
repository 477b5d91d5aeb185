import type { SubjectDeclaration } from '@tidemark/core';

export const llmSubjects: readonly SubjectDeclaration[] = [
  {
    kind: 'llm.session',
    title: 'Session',
    description: 'One visit: from the first to the newest event of its pages.',
    events: [{ eventTypes: ['page.viewed', 'ui.event'], id: 'data.session' }],
    attributes: [
      { key: 'session', title: 'Session', type: 'string', field: 'data.session', keep: 'last' },
      { key: 'user', title: 'User', type: 'string', field: 'data.user', keep: 'last', isPersonal: true },
      { key: 'started_at', title: 'First event', type: 'time', field: 'time', keep: 'first' },
      { key: 'ended_at', title: 'Newest event', type: 'time', field: 'time', keep: 'last' },
      { key: 'entry_page', title: 'Page entered by', type: 'string', field: 'data.page', keep: 'first' },
      { key: 'exit_page', title: 'Page left from', type: 'string', field: 'data.page', keep: 'last' },
      { key: 'referrer', title: 'Referrer', type: 'string', field: 'data.referrer', keep: 'first' },
    ],
  },
  {
    kind: 'llm.user',
    title: 'User',
    description: 'Who used the product, with their first and newest act.',
    isPerson: true,
    events: [
      {
        eventTypes: ['endpoint.called', 'feature.used', 'llm.request', 'page.viewed', 'ui.event'],
        id: 'data.user',
      },
    ],
    attributes: [
      { key: 'user', title: 'User', type: 'string', field: 'data.user', keep: 'last', isPersonal: true },
      { key: 'first_seen', title: 'First act', type: 'time', field: 'time', keep: 'first' },
      { key: 'last_seen', title: 'Newest act', type: 'time', field: 'time', keep: 'last' },
      { key: 'feature', title: 'Feature used last', type: 'string', field: 'data.feature', keep: 'last' },
      { key: 'page', title: 'Page seen last', type: 'string', field: 'data.page', keep: 'last' },
    ],
  },
];

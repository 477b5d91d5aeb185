import type { DimensionDeclaration } from '@tidemark/core';

export const llmDimensions: readonly DimensionDeclaration[] = [
  { key: 'service', title: 'Service', field: 'data.service', rolledUp: true },
  { key: 'provider', title: 'Provider', field: 'data.provider', rolledUp: true },
  { key: 'model', title: 'Model', field: 'data.model', rolledUp: true },
  { key: 'operation', title: 'Operation', field: 'data.operation', rolledUp: true },
  { key: 'feature', title: 'Feature', field: 'data.feature', rolledUp: true },
  { key: 'action', title: 'Action', field: 'data.action', rolledUp: true },
  { key: 'endpoint', title: 'Endpoint', field: 'data.endpoint', rolledUp: true },
  { key: 'method', title: 'Method', field: 'data.method', rolledUp: true },
  { key: 'status', title: 'Status', field: 'data.status', rolledUp: true },
  { key: 'page', title: 'Page', field: 'data.page', rolledUp: false },
  { key: 'element', title: 'Element', field: 'data.element', rolledUp: false },
  { key: 'referrer', title: 'Referrer', field: 'data.referrer', rolledUp: false },
  { key: 'user', title: 'User', field: 'data.user', rolledUp: false, isPersonal: true },
  { key: 'session', title: 'Session', field: 'data.session', rolledUp: false },
];

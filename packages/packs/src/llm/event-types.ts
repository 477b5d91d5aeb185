import type { EventFieldDeclaration, EventTypeDeclaration } from '@tidemark/core';

const USER: EventFieldDeclaration = {
  field: 'data.user',
  type: 'string',
  description: 'Who did it, as an id stable over time.',
};
const SESSION: EventFieldDeclaration = {
  field: 'data.session',
  type: 'string',
  description: 'The visit it belongs to.',
};
const SUCCESS: EventFieldDeclaration = {
  field: 'data.success',
  type: 'boolean',
  description: 'False when it failed; absent means it worked.',
};
const ERROR: EventFieldDeclaration = {
  field: 'data.error',
  type: 'string',
  description: 'What went wrong, for a person to read.',
};
const PAGE: EventFieldDeclaration = {
  field: 'data.page',
  type: 'string',
  description: 'The page, as a path without its query.',
};
const ELEMENT: EventFieldDeclaration = {
  field: 'data.element',
  type: 'string',
  description: 'The part of the page that was used; absent for a view of the page itself.',
};
const REFERRER: EventFieldDeclaration = {
  field: 'data.referrer',
  type: 'string',
  description: 'Where the visitor came from.',
};
const DWELL: EventFieldDeclaration = {
  field: 'data.dwell_ms',
  type: 'number',
  description: 'How long the visitor stayed.',
  unit: 'ms',
};

export const llmEventTypes: readonly EventTypeDeclaration[] = [
  {
    type: 'llm.request',
    title: 'Model request',
    description: 'One call of a language model, successful or not.',
    fields: [
      { field: 'data.service', type: 'string', description: 'The part of the product that asked.' },
      { field: 'data.provider', type: 'string', description: 'Who runs the model.' },
      { field: 'data.model', type: 'string', description: 'The model that answered.' },
      {
        field: 'data.operation',
        type: 'string',
        description: 'What was asked for: chat, embeddings, …',
      },
      {
        field: 'data.prompt_tokens',
        type: 'number',
        description: 'Tokens sent to the model.',
        unit: '{token}',
      },
      {
        field: 'data.completion_tokens',
        type: 'number',
        description: 'Tokens the model produced.',
        unit: '{token}',
      },
      {
        field: 'data.total_tokens',
        type: 'number',
        description: 'Both together, as the provider bills them.',
        unit: '{token}',
      },
      {
        field: 'data.cost',
        type: 'number',
        description: 'What the call cost; decimal text keeps every digit.',
        unit: 'USD',
      },
      {
        field: 'data.latency_ms',
        type: 'number',
        description: 'From asking to the last token.',
        unit: 'ms',
      },
      {
        field: 'data.allocated_capacity',
        type: 'number',
        description: 'Capacity paid for while the call ran.',
        unit: '{unit}',
      },
      {
        field: 'data.used_capacity',
        type: 'number',
        description: 'Capacity the call made use of.',
        unit: '{unit}',
      },
      { field: 'data.cached', type: 'boolean', description: 'True when a cache answered.' },
      SUCCESS,
      ERROR,
      USER,
      SESSION,
    ],
  },
  {
    type: 'feature.used',
    title: 'Feature used',
    description: 'One use of a feature of the product by a user.',
    fields: [
      { field: 'data.feature', type: 'string', description: 'The feature.' },
      { field: 'data.action', type: 'string', description: 'What was done with it.' },
      { field: 'data.duration_ms', type: 'number', description: 'How long it took.', unit: 'ms' },
      SUCCESS,
      ERROR,
      USER,
      SESSION,
    ],
  },
  {
    type: 'endpoint.called',
    title: 'Endpoint called',
    description: 'One call of an endpoint of the product, with what it took to serve it.',
    fields: [
      {
        field: 'data.endpoint',
        type: 'string',
        description: 'The route template (`/users/{id}`), not the path.',
      },
      { field: 'data.method', type: 'string', description: 'The HTTP method.' },
      { field: 'data.status', type: 'number', description: 'The HTTP status.' },
      {
        field: 'data.response_time_ms',
        type: 'number',
        description: 'From request to response.',
        unit: 'ms',
      },
      {
        field: 'data.cpu_percent',
        type: 'number',
        description: 'Processor load of the server at that time.',
        unit: '%',
      },
      {
        field: 'data.memory_mb',
        type: 'number',
        description: 'Memory of the server at that time.',
        unit: 'MBy',
      },
      {
        field: 'data.db_time_ms',
        type: 'number',
        description: 'Time spent waiting for the database.',
        unit: 'ms',
      },
      USER,
    ],
  },
  {
    type: 'page.viewed',
    title: 'Page viewed',
    description: 'One view of one page.',
    fields: [PAGE, REFERRER, DWELL, USER, SESSION],
  },
  {
    type: 'ui.event',
    title: 'Interface event',
    description:
      'One act of a visitor: the use of an element of a page, or (without an element) a view of it.',
    fields: [
      PAGE,
      ELEMENT,
      { field: 'data.action', type: 'string', description: 'What was done: click, submit, …' },
      REFERRER,
      DWELL,
      USER,
      SESSION,
    ],
  },
];

import type { AttributeDeclaration, DimensionDeclaration, SubjectDeclaration } from '@tidemark/core';
import {
  AGENT_EVENTS,
  CONVERSATION_EVENTS,
  DOCUMENT_EVENTS,
  MESSAGE_EVENTS,
  PAYMENT_EVENTS,
  WORKFLOW_EVENTS,
} from './event-types.ts';

export const agentsDimensions: readonly DimensionDeclaration[] = [
  { key: 'agent', title: 'Agent', field: 'data.agent', rolledUp: true },
  { key: 'model', title: 'Model', field: 'data.model', rolledUp: true },
  { key: 'channel', title: 'Channel', field: 'data.channel', rolledUp: true },
  { key: 'plan', title: 'Plan', field: 'data.plan', rolledUp: true },
  { key: 'workflow', title: 'Workflow', field: 'data.workflow', rolledUp: false },
  { key: 'conversation', title: 'Conversation', field: 'data.conversation', rolledUp: false },
  { key: 'user', title: 'User', field: 'data.user', rolledUp: false, isPersonal: true },
];

const AGENT: AttributeDeclaration = {
  key: 'agent',
  title: 'Agent',
  type: 'string',
  field: 'data.agent',
  keep: 'last',
};
const USER: AttributeDeclaration = {
  key: 'user',
  title: 'User',
  type: 'string',
  field: 'data.user',
  keep: 'last',
  isPersonal: true,
};

function when(
  key: string,
  title: string,
  keep: 'first' | 'last',
  eventTypes?: readonly string[],
): AttributeDeclaration {
  const known = { key, title, type: 'time', field: 'time', keep } as const;
  return eventTypes === undefined ? known : { ...known, eventTypes };
}

export const agentsSubjects: readonly SubjectDeclaration[] = [
  {
    kind: 'agents.agent',
    title: 'Agent',
    description: 'An agent as it is now, known from the first event that names it.',
    events: [
      {
        eventTypes: [...AGENT_EVENTS, ...CONVERSATION_EVENTS, ...MESSAGE_EVENTS, 'workflow.executed'],
        id: 'data.agent',
      },
    ],
    attributes: [
      AGENT,
      {
        key: 'name',
        title: 'Name',
        type: 'string',
        field: 'data.name',
        eventTypes: AGENT_EVENTS,
        keep: 'last',
      },
      {
        key: 'version',
        title: 'Version',
        type: 'string',
        field: 'data.version',
        eventTypes: AGENT_EVENTS,
        keep: 'last',
      },
      { key: 'model', title: 'Model', type: 'string', field: 'data.model', keep: 'last' },
      when('created_at', 'First event', 'first'),
      when('deployed_at', 'Deployed', 'last', ['agent.deployed']),
      when('deleted_at', 'Deleted', 'last', ['agent.deleted']),
      when('active_at', 'Newest message', 'last', MESSAGE_EVENTS),
    ],
  },
  {
    kind: 'agents.conversation',
    title: 'Conversation',
    description: 'A conversation from its first event to its end.',
    events: [{ eventTypes: [...CONVERSATION_EVENTS, ...MESSAGE_EVENTS], id: 'data.conversation' }],
    attributes: [
      AGENT,
      USER,
      { key: 'channel', title: 'Channel', type: 'string', field: 'data.channel', keep: 'last' },
      when('started_at', 'First event', 'first'),
      when('ended_at', 'Ended', 'last', ['conversation.ended']),
      when('active_at', 'Newest event', 'last'),
      { key: 'resolved', title: 'Resolved', type: 'string', field: 'data.resolved', keep: 'last' },
      { key: 'handed_off', title: 'Handed over', type: 'string', field: 'data.handed_off', keep: 'last' },
      {
        key: 'satisfaction',
        title: 'Satisfaction',
        type: 'number',
        unit: '1',
        field: 'data.satisfaction',
        keep: 'last',
      },
    ],
  },
  {
    kind: 'agents.document',
    title: 'Document',
    description: 'A document that agents know, or knew.',
    events: [{ eventTypes: DOCUMENT_EVENTS, id: 'data.document' }],
    attributes: [
      { ...AGENT, eventTypes: ['document.uploaded'] },
      { ...USER, eventTypes: ['document.uploaded'] },
      {
        key: 'bytes',
        title: 'Size',
        type: 'number',
        unit: 'By',
        field: 'data.bytes',
        eventTypes: ['document.uploaded'],
        keep: 'last',
      },
      when('uploaded_at', 'Uploaded', 'last', ['document.uploaded']),
      when('deleted_at', 'Deleted', 'last', ['document.deleted']),
    ],
  },
  {
    kind: 'agents.user',
    title: 'User',
    description: 'A person, with the first and the newest thing they did.',
    isPerson: true,
    events: [
      {
        eventTypes: [
          'user.logged_in',
          'message.received',
          'search.performed',
          ...CONVERSATION_EVENTS,
          ...WORKFLOW_EVENTS,
          ...DOCUMENT_EVENTS,
          ...PAYMENT_EVENTS,
        ],
        id: 'data.user',
      },
    ],
    attributes: [
      USER,
      { key: 'plan', title: 'Plan', type: 'string', field: 'data.plan', keep: 'last' },
      when('first_seen', 'First event', 'first'),
      when('last_seen', 'Newest event', 'last'),
      when('logged_in_at', 'Newest login', 'last', ['user.logged_in']),
    ],
  },
];

import type { EventFieldDeclaration, EventTypeDeclaration } from '@tidemark/core';

const AGENT: EventFieldDeclaration = {
  field: 'data.agent',
  type: 'string',
  description: 'The agent, as an id stable over time (`gen_ai.agent.id`).',
};
const CONVERSATION: EventFieldDeclaration = {
  field: 'data.conversation',
  type: 'string',
  description: 'The conversation (`gen_ai.conversation.id`).',
};
const USER: EventFieldDeclaration = {
  field: 'data.user',
  type: 'string',
  description: 'The person, as an id stable over time.',
};
const CHANNEL: EventFieldDeclaration = {
  field: 'data.channel',
  type: 'string',
  description: 'Where they talk: web, phone, email, …',
};
const MODEL: EventFieldDeclaration = {
  field: 'data.model',
  type: 'string',
  description: 'The model behind it (`gen_ai.response.model`).',
};
const COST: EventFieldDeclaration = {
  field: 'data.cost',
  type: 'number',
  description: 'What it cost, as billed; decimal text keeps every digit.',
  unit: 'USD',
};
const WORKFLOW: EventFieldDeclaration = {
  field: 'data.workflow',
  type: 'string',
  description: 'The workflow, as an id stable over time.',
};
const DURATION: EventFieldDeclaration = {
  field: 'data.duration_ms',
  type: 'number',
  description: 'How long it took.',
  unit: 'ms',
};
const ERROR: EventFieldDeclaration = {
  field: 'data.error',
  type: 'string',
  description: 'What went wrong, for a person to read.',
};
const BYTES: EventFieldDeclaration = {
  field: 'data.bytes',
  type: 'number',
  description: 'Size of the document.',
  unit: 'By',
};
const DOCUMENT: EventFieldDeclaration = {
  field: 'data.document',
  type: 'string',
  description: 'The document, as an id stable over time.',
};
const PLAN: EventFieldDeclaration = { field: 'data.plan', type: 'string', description: 'The plan paid for.' };
const AMOUNT: EventFieldDeclaration = {
  field: 'data.amount',
  type: 'number',
  description: 'How much; decimal text keeps every digit.',
  unit: 'USD',
};

const ABOUT_AGENT: readonly EventFieldDeclaration[] = [
  AGENT,
  { field: 'data.name', type: 'string', description: 'What people call the agent.' },
  { field: 'data.version', type: 'string', description: 'The version of the agent.' },
  MODEL,
  USER,
];

export const AGENT_EVENTS = ['agent.created', 'agent.updated', 'agent.deleted', 'agent.deployed'];
export const CONVERSATION_EVENTS = ['conversation.started', 'conversation.ended'];
export const MESSAGE_EVENTS = ['message.sent', 'message.received'];
export const WORKFLOW_EVENTS = ['workflow.created', 'workflow.executed', 'workflow.failed'];
export const DOCUMENT_EVENTS = ['document.uploaded', 'document.deleted'];
export const PAYMENT_EVENTS = ['subscription.created', 'payment.succeeded', 'payment.failed'];

function told(
  type: string,
  title: string,
  description: string,
  fields: readonly EventFieldDeclaration[],
): EventTypeDeclaration {
  return { type, title, description, fields };
}

const ofAgents: readonly EventTypeDeclaration[] = [
  told('agent.created', 'Agent created', 'Somebody made an agent.', ABOUT_AGENT),
  told('agent.updated', 'Agent updated', 'What an agent is or is called has changed.', ABOUT_AGENT),
  told('agent.deleted', 'Agent deleted', 'An agent is no more.', ABOUT_AGENT),
  told('agent.deployed', 'Agent deployed', 'A version of an agent went to work.', ABOUT_AGENT),
];

const ofConversations: readonly EventTypeDeclaration[] = [
  told('conversation.started', 'Conversation started', 'A person and an agent began to talk.', [
    CONVERSATION,
    AGENT,
    USER,
    CHANNEL,
  ]),
  told('conversation.ended', 'Conversation ended', 'They are done, well or badly.', [
    CONVERSATION,
    AGENT,
    USER,
    CHANNEL,
    {
      field: 'data.resolved',
      type: 'boolean',
      description: 'Whether the person got what they came for; absent: not known, and not resolved.',
    },
    {
      field: 'data.handed_off',
      type: 'boolean',
      description: 'Whether the agent handed over to a human; absent: it did not.',
    },
    {
      field: 'data.satisfaction',
      type: 'number',
      description: 'How content the person is: 1 (not at all) to 5.',
      unit: '1',
    },
  ]),
  told('message.sent', 'Message sent', 'An agent answered, or failed to.', [
    CONVERSATION,
    AGENT,
    USER,
    CHANNEL,
    MODEL,
    {
      field: 'data.response_time_ms',
      type: 'number',
      description: 'From the message of the person to the end of this answer.',
      unit: 'ms',
    },
    {
      field: 'data.input_tokens',
      type: 'number',
      description: 'Tokens the model read for it (`gen_ai.usage.input_tokens`).',
      unit: '{token}',
    },
    {
      field: 'data.output_tokens',
      type: 'number',
      description: 'Tokens the model wrote for it (`gen_ai.usage.output_tokens`).',
      unit: '{token}',
    },
    COST,
    {
      field: 'data.success',
      type: 'boolean',
      description: 'False when the agent failed to answer; absent means it answered.',
    },
    ERROR,
  ]),
  told('message.received', 'Message received', 'A person said something to an agent.', [
    CONVERSATION,
    AGENT,
    USER,
    CHANNEL,
  ]),
];

const ofWork: readonly EventTypeDeclaration[] = [
  told('workflow.created', 'Workflow created', 'Somebody made a workflow.', [WORKFLOW, AGENT, USER]),
  told('workflow.executed', 'Workflow executed', 'A workflow ran to its end.', [
    WORKFLOW,
    AGENT,
    USER,
    DURATION,
    COST,
  ]),
  told('workflow.failed', 'Workflow failed', 'A workflow ended before its end.', [
    WORKFLOW,
    AGENT,
    USER,
    DURATION,
    COST,
    ERROR,
  ]),
  told('document.uploaded', 'Document uploaded', 'A document for agents to know.', [
    DOCUMENT,
    AGENT,
    USER,
    BYTES,
  ]),
  told('document.deleted', 'Document deleted', 'A document that agents know no more.', [
    DOCUMENT,
    AGENT,
    USER,
    BYTES,
  ]),
  told('search.performed', 'Search performed', 'A look-up in the documents.', [
    AGENT,
    USER,
    DURATION,
    { field: 'data.results', type: 'number', description: 'How many were found.', unit: '{result}' },
    COST,
  ]),
];

const ofCustomers: readonly EventTypeDeclaration[] = [
  told('user.logged_in', 'User logged in', 'A person came.', [USER]),
  told('user.invited', 'User invited', 'A person asked another to come.', [USER]),
  told('subscription.created', 'Subscription created', 'Somebody began to pay.', [USER, PLAN, AMOUNT]),
  told('payment.succeeded', 'Payment succeeded', 'Money came in.', [USER, PLAN, AMOUNT]),
  told('payment.failed', 'Payment failed', 'Money did not come in.', [USER, PLAN, AMOUNT, ERROR]),
];

export const agentsEventTypes: readonly EventTypeDeclaration[] = [
  ...ofAgents,
  ...ofConversations,
  ...ofWork,
  ...ofCustomers,
];

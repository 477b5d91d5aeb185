import type { ImportMapping } from '@tidemark/core';

export const messagingImportMappings: readonly ImportMapping[] = [
  {
    key: 'messaging.message-log',
    title:
      'Log of messages without a header (sender recipient unix-seconds, parted by spaces; SNAP CollegeMsg)',
    format: 'csv',
    layout: { delimiter: ' ', columns: ['sender', 'recipient', 'unix_seconds'] },
    eventType: 'message.submitted',
    source: '/import/messaging/message-log',
    time: { column: 'unix_seconds', format: 'unix-s' },
    fields: [
      { field: 'data.account', column: 'sender', type: 'string' },
      { field: 'data.recipient', column: 'recipient', type: 'string' },
    ],
    settable: [
      { field: 'data.route', name: 'route', required: false },
      { field: 'data.channel', name: 'channel', required: false },
      { field: 'data.campaign', name: 'campaign', required: false },
    ],
  },
];

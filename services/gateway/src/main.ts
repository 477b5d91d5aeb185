import { runService } from '@tidemark/runtime';
import { composeGateway } from './compose.ts';
import { GATEWAY_FIELDS } from './config.ts';

await runService({ name: 'gateway', fields: GATEWAY_FIELDS, start: composeGateway });

import { runService } from '@tidemark/runtime';
import { composeAggregator } from './compose.ts';
import { AGGREGATOR_FIELDS } from './config.ts';

await runService({ name: 'aggregator', fields: AGGREGATOR_FIELDS, start: composeAggregator });

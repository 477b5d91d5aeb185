import { runService } from '@tidemark/runtime';
import { composeIngest } from './compose.ts';
import { INGEST_FIELDS } from './config.ts';

await runService({ name: 'ingest', fields: INGEST_FIELDS, start: composeIngest });

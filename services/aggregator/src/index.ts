export { assembleAggregator } from './assemble.ts';
export type { AggregatorPorts } from './assemble.ts';
export type { Aggregator, AggregatorOptions } from './app/aggregator.ts';
export { AGGREGATOR_GROUP } from './app/aggregator.ts';
export { AGGREGATOR_FIELDS, PIPELINE_FIELDS } from './config.ts';

export { AGGREGATOR_GROUP, startAggregator } from './app/aggregator.ts';
export type { Aggregator, AggregatorDependencies, AggregatorOptions } from './app/aggregator.ts';

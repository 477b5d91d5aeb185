export * from './answer-changes.ts';
export * from './api-key.ts';
export * from './calendar-range.ts';
export {
  BUCKETS_MAX,
  bucketBoundaries,
  type BucketRequest,
  type Buckets,
  bucketStartMs,
  CALENDAR_MIN_MS,
  parseTimeZone,
} from './calendar.ts';
export * from './catalogue-condition.ts';
export * from './catalogue-metric.ts';
export * from './catalogue.ts';
export * from './clock.ts';
export * from './errors.ts';
export * from './event.ts';
export * from './expression.ts';
export * from './hash.ts';
export * from './ids.ts';
export * from './ledger.ts';
export * from './measure.ts';
export * from './metric.ts';
export * from './organization.ts';
export * from './own-metric.ts';
export * from './pack.ts';
export * from './query.ts';
export * from './subject.ts';
export * from './table.ts';
export * from './tier.ts';
export * from './trend.ts';
export * from './view-template.ts';
export * from './view.ts';
export * from './watermark.ts';

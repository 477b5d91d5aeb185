export { rangesRead } from './answers/answer-key.ts';
export { createAnswers, type AnswersOptions } from './answers/answers.ts';
export { createFlushFeed } from './answers/flush-feed.ts';
export type { Answered, Answers, Asker, AskOptions, Flush, FlushFeed } from './answers/port.ts';
export { withRecentProgress } from './answers/recent-progress.ts';
export { type Catalogues, createCatalogues } from './catalogues.ts';
export { createQueryEngine, type QueryEngine, type QueryEngineOptions } from './engine.ts';
export {
  createEventsExport,
  type EventsExport,
  type EventsRequest,
  type ExportedEvents,
} from './events-export.ts';
export { isExactMetric } from './figures.ts';
export type { SubjectAnswer, SubjectList } from './subjects/lookup.ts';
export type { SubjectsQuery } from './subjects/subject-query.ts';
export { answerView, type ViewAnswer, type ViewSources } from './views/answer-view.ts';
export { DEFAULT_STATEMENT_LIMITS, type StatementLimits } from './limits.ts';
export type { QueryPipeline } from './pipeline.ts';
export {
  BUCKETS_PER_VERIFICATION_MAX,
  type Verification,
  type VerificationDependencies,
  type VerificationOptions,
  type VerifiedPipeline,
  verifyBuckets,
} from './verification.ts';

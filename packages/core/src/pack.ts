import type {
  DimensionDeclaration,
  EventTypeDeclaration,
  ImportMapping,
  MetricDeclaration,
  Recorder,
  SubjectDeclaration,
} from './metric.ts';
import type { ViewDeclaration, ViewSection } from './view.ts';

/** A domain, as data. */
export interface Pack {
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly eventTypes: readonly EventTypeDeclaration[];
  readonly dimensions: readonly DimensionDeclaration[];
  readonly metrics: readonly MetricDeclaration[];
  readonly subjects: readonly SubjectDeclaration[];
  readonly importMappings: readonly ImportMapping[];
  readonly recorders: readonly Recorder[];
  readonly views: readonly ViewDeclaration[];
  /** What its page shows, in order; the range, the zone and the comparison are the reader's. */
  readonly dashboard: readonly ViewSection[];
}

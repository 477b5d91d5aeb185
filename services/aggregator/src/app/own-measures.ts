import type { Definitions } from '@tidemark/catalog';
import { readOwnMetric } from '@tidemark/contracts';
import { compileOwnMeasure } from '@tidemark/core';
import type { Measure, OrganizationId } from '@tidemark/core';
import type { Logger } from '@tidemark/runtime';

export interface OwnMeasuresDependencies {
  readonly definitions: Pick<Definitions, 'metricsOf' | 'giveUpMetric'>;
  readonly log: Logger;
}

export interface OwnMeasures {
  /**
   * The measures of an organization's own metrics that rollups are made of. To be called AFTER a bucket was claimed and before raw is
   * read: so a bucket whose mark is cleared holds every measure that was adopted before its claim, and one adopted later has it marked
   * again.
   *
   * What this release compiles differently, or cannot read, is given up first: nobody may read rollups that are no longer made.
   * @throws catalog-unavailable
   */
  of(organization: OrganizationId): Promise<readonly Measure[]>;
  /** From now on nobody reads rollups of the measure: its metrics are answered from raw until they are adopted again. @throws catalog-unavailable */
  giveUp(organization: OrganizationId, measure: Measure): Promise<void>;
}

export function createOwnMeasures({ definitions, log }: OwnMeasuresDependencies): OwnMeasures {
  async function of(organization: OrganizationId): Promise<readonly Measure[]> {
    const measures = new Map<string, Measure>();
    for (const { key, declaration, rollup } of await definitions.metricsOf(organization)) {
      if (rollup === null) continue;
      const read = readOwnMetric(key, declaration);
      const measure = read?.kind === 'base' ? compileOwnMeasure(read) : null;
      if (measure?.fingerprint === rollup.fingerprint) {
        measures.set(measure.fingerprint, measure);
        continue;
      }
      await definitions.giveUpMetric(organization, key, rollup.adoption);
      log.warn({ organization, metric: key }, 'an own metric is declared differently now: no rollups of it');
    }
    return [...measures.values()];
  }

  return {
    of,
    async giveUp(organization, { fingerprint }) {
      for (const { key, rollup } of await definitions.metricsOf(organization)) {
        if (rollup?.fingerprint !== fingerprint) continue;
        await definitions.giveUpMetric(organization, key, rollup.adoption);
        log.warn({ organization, metric: key }, 'rollups of an own metric cannot be made: no more are');
      }
    },
  };
}

/**
 * Keeping what events tell of subjects. Whatever is kept was told by an event once; rows may be inserted any number of times and in
 * any order, by anybody, and a question may read what is kept together with any part of raw.
 */
import type { SubjectFact } from '@tidemark/core';
import { SqlParameters } from './measure-sql.ts';
import type { Statement, WarehouseExecutor } from './port.ts';
import { type BucketSelection, isRawOfBuckets } from './rollup-statements.ts';
import { FACT_COLUMNS, rawFacts } from './subject-sql.ts';

export interface AbsorbOptions extends BucketSelection {
  readonly facts: readonly SubjectFact[];
  readonly timeoutMs: number;
}

/** An engine reads at most 256 KiB of one statement, and a fact takes about 300 bytes of it, more with filters. */
const FACTS_PER_STATEMENT_MAX = 128;

export interface SubjectStore {
  /**
   * Keeps what the raw rows of the buckets tell, in one INSERT SELECT for each `FACTS_PER_STATEMENT_MAX` facts. Idempotent; durable on
   * return; what was written before a failure is right and stays. Nothing is ever taken back: what raw has lost is still known.
   * @throws warehouse-unavailable, query-timeout, query-too-expensive
   */
  absorb(options: AbsorbOptions): Promise<void>;
}

export function createSubjectStore(warehouse: Pick<WarehouseExecutor, 'command'>): SubjectStore {
  return {
    async absorb(options) {
      if (options.bucketStartsMs.length === 0) return;
      for (let start = 0; start < options.facts.length; start += FACTS_PER_STATEMENT_MAX) {
        const facts = options.facts.slice(start, start + FACTS_PER_STATEMENT_MAX);
        await warehouse.command(absorbStatement({ ...options, facts }));
      }
    },
  };
}

function absorbStatement(options: AbsorbOptions): Statement {
  const parameters = new SqlParameters();
  const organization = parameters.bind('String', options.organization);
  const isInBucket = isRawOfBuckets(options, parameters);
  return {
    sql: `INSERT INTO subjects (organization, ${FACT_COLUMNS.join(', ')})
SELECT ${organization} AS organization, ${FACT_COLUMNS.join(', ')}
FROM (
  ${rawFacts(options, isInBucket, parameters)}
)`,
    parameters: parameters.values,
    settings: { insert_deduplicate: 0, async_insert: 0 },
    timeoutMs: options.timeoutMs,
  };
}

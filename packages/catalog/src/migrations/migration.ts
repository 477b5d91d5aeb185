/** One step of the schema. Never edited once released: a changed statement is a new migration. */
export interface Migration {
  /** Counts from 1 without gaps. */
  readonly number: number;
  readonly name: string;
  /** Executed in order, in one transaction with every other missing migration; nothing that refuses to run in one. */
  readonly statements: readonly string[];
}

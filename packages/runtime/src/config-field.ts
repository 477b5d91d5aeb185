import type { TSchema } from 'typebox';

/** One variable of the environment: what it is for, what it may be, and what the service makes of it. */
export interface ConfigField<T> {
  /** `TIDEMARK_…`, units last. */
  readonly name: string;
  readonly description: string;
  /** Absent: the variable is required. */
  readonly fallback?: T;
  readonly schema: TSchema;
  /** From the text of the variable to what the schema describes. */
  readonly fromText: (text: string) => unknown;
  /** What the schema cannot say of a value, told beside what it does say: where in the value, and what is wrong. */
  readonly faultsOf?: (value: unknown) => readonly ConfigValueFault[];
  /** From the checked value to what the service gets. */
  readonly finish: (value: unknown) => T;
}

/** A fault within a value that has parts. Never quotes the value: it may be a secret. */
export interface ConfigValueFault {
  /** RFC 6901, within the value. */
  readonly pointer: string;
  readonly detail: string;
}

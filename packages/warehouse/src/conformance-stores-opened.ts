import type { DeadLetterStore } from './dead-letters.ts';
import type { EventStore } from './events.ts';
import type { LetterBooks } from './letter-books.ts';
import type { WarehouseExecutor } from './port.ts';
import type { RollupStore } from './rollups.ts';
import type { SubjectStore } from './subjects.ts';

/** What is open while the suite of the stores runs. */
export interface Stores {
  readonly warehouse: WarehouseExecutor;
  readonly events: EventStore;
  readonly rollups: RollupStore;
  readonly subjects: SubjectStore;
  readonly letters: DeadLetterStore;
  readonly letterBooks: LetterBooks;
}

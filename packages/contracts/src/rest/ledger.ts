/** `GET /api/v1/ledger`: the books of an organization. */
import Type, { type Static } from 'typebox';
import { countOf, Instant } from './shapes.ts';

export const LEDGER_DAYS_MAX = 400;
/** Days told when none are asked for: today and the ones before. */
export const LEDGER_DAYS_DEFAULT = 7;

const DATE = '^\\d{4}-\\d{2}-\\d{2}$';

export const LedgerParametersSchema = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        pattern: DATE,
        description: `First UTC day of arrival; ${LEDGER_DAYS_DEFAULT} days before \`to\` when absent`,
      }),
    ),
    to: Type.Optional(
      Type.String({
        pattern: DATE,
        description: `The day after the last; tomorrow when absent. At most ${LEDGER_DAYS_MAX} days after \`from\``,
      }),
    ),
  },
  { title: 'LedgerParameters', additionalProperties: false },
);
export type LedgerParameters = Static<typeof LedgerParametersSchema>;

const figures = {
  received: countOf('= stored + duplicate + rejected + dead + inFlight + residue'),
  acknowledged: countOf('Events whose durability was promised; replayed dead letters are counted again'),
  stored: countOf('Events that are there to be asked for'),
  duplicate: countOf('Copies of stored events'),
  conflict: countOf('Those of the copies that say something else than what was kept; within `duplicate`'),
  rejected: countOf('Events refused one by one'),
  dead: countOf('Events that could not be stored and are kept as dead letters'),
  inFlight: countOf('Acknowledged and not settled yet'),
  residue: countOf('Acknowledged and nowhere: 0 unless events were lost'),
};

export const LedgerAnswerSchema = Type.Object(
  {
    from: Type.String({ format: 'date' }),
    to: Type.String({ format: 'date' }),
    asOf: Instant,
    lag: countOf('Records of all organizations received and not yet settled'),
    days: Type.Array(
      Type.Object({ day: Type.String({ format: 'date', description: 'UTC, of arrival' }), ...figures }),
      { description: 'Ascending; days on which nothing arrived are left out' },
    ),
    total: Type.Object(figures),
  },
  { title: 'Ledger' },
);
export type LedgerAnswer = Static<typeof LedgerAnswerSchema>;

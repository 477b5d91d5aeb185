/** Members of event data that are valid and that something on the way may trip over. */

const KIB = 1_024;

export const HOSTILE_DATA: readonly Readonly<Record<string, unknown>>[] = [
  { note: '"quoted" \\back\\ \'single\' `tick` {brace} \u2028\u2029' },
  { note: "'; DROP TABLE events; --", "'; DROP TABLE events; --": 1 },
  { note: '\u{1f9ea}\u{1f3fd} مرحبا שלום \u202eright to left\u202c e\u0301' },
  { note: 'line\nfeed\r\ntab\tend' },
  { note: 'x'.repeat(8 * KIB) },
  { note: '', empty: {}, nothing: null, list: [], lists: [[], [[]]] },
  { largest: Number.MAX_SAFE_INTEGER, least: Number.MIN_SAFE_INTEGER, tiny: 5e-324, zero: -0 },
  { mixed: [1, 'one', true, null, { one: 1 }, [1]], flag: false },
  { 'a key with spaces': 1, Ω: 2, '0': 3, '-': 4, 'a/b~c': 5 },
  { note: '\\N', nan: 'NaN', infinity: 'Infinity', nil: 'null', number: '1e999' },
  { deep: nested(20) },
];

function nested(levels: number): unknown {
  return levels === 0 ? 'bottom' : { down: nested(levels - 1) };
}

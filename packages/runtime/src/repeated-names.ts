/** What JSON text is made of, once it is known to be JSON: strings, brackets, separators. The rest is passed over. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:,]/g;

/**
 * Whether an object in the text names a member twice. `JSON.parse` takes the last of them and others may take the first: of a text that
 * two programs must understand alike, neither will do.
 *
 * @param text valid JSON
 */
export function hasRepeatedNames(text: string): boolean {
  const open: (Set<unknown> | null)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1);
      const name: unknown = JSON.parse(last);
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
    last = token;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Whether JSON text holds more levels of objects and arrays than this; `{}` is one. Told without parsing, in one pass: whoever walks
 * what was parsed may then do so by recursion. Of text that is no JSON the answer means nothing.
 */
export function isDeeperThan(text: string, levelsMax: number): boolean {
  let levels = 0;
  let isText = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isText) {
      if (code === BACKSLASH) index += 1;
      else if (code === QUOTE) isText = false;
    } else if (code === QUOTE) isText = true;
    else if (OPENING.has(code)) {
      levels += 1;
      if (levels > levelsMax) return true;
    } else if (CLOSING.has(code)) levels -= 1;
  }
  return false;
}

/** A server takes 128 KiB in one parameter; a character takes up to four bytes of it. */
const CHARACTERS_PER_PARAMETER_MAX = 32_768;

/** The texts in lists, in order, each of which fits one parameter; one empty list when there are none. */
export function textChunks(texts: readonly string[]): readonly (readonly string[])[] {
  const chunks: string[][] = [[]];
  let room = CHARACTERS_PER_PARAMETER_MAX;
  for (const text of texts) {
    const { length } = JSON.stringify(text);
    if (length > room && chunks.at(-1)?.length !== 0) {
      chunks.push([]);
      room = CHARACTERS_PER_PARAMETER_MAX;
    }
    chunks.at(-1)?.push(text);
    room -= length;
  }
  return chunks;
}

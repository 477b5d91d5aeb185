/** `type/subtype; name=value`, lower-cased but for parameter values. */
export interface MediaType {
  readonly essence: string;
  readonly charset: string | null;
}

const MEDIA_TYPE = /^\s*([!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+)\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]+))/i;

/** Null when the text is no media type. */
export function parseMediaType(text: string): MediaType | null {
  const essence = MEDIA_TYPE.exec(text)?.[1];
  if (essence === undefined) return null;
  const charset = CHARSET.exec(text);
  return { essence: essence.toLowerCase(), charset: (charset?.[1] ?? charset?.[2])?.toLowerCase() ?? null };
}

/** `application/json`, `text/json` and every `+json` (CloudEvents JSON format, section 3.1). */
export function isJsonMediaType(essence: string): boolean {
  return essence.endsWith('/json') || essence.endsWith('+json');
}

export function isUtf8Charset(charset: string | null): boolean {
  return charset === null || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii';
}

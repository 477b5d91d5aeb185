import { isUtf8Charset, parseMediaType } from '@tidemark/contracts';
import { AppError } from '@tidemark/core';

/** @throws unsupported-media-type unless the content type is `application/json` in UTF-8 */
export function requireJson(contentType: string | undefined): void {
  const mediaType = parseMediaType(contentType ?? '');
  if (mediaType?.essence === 'application/json' && isUtf8Charset(mediaType.charset)) return;
  const detail = `Content-Type ${JSON.stringify(contentType ?? '')} is not application/json in UTF-8`;
  throw new AppError('unsupported-media-type', detail);
}

import { parseMediaType } from '@tidemark/contracts';
import { EXPORT_FORMATS, type ExportFormat } from '@tidemark/core';
import { EXPORT_FORMAT_FACTS } from '@tidemark/exports';

const FORMAT_DEFAULT: ExportFormat = 'csv';
const QUALITY = /;\s*q\s*=\s*([01](?:\.\d{0,3})?)/i;

/** The format that `Accept` wants most; the default when it wants none of ours in particular (RFC 9110, 12.5.1). */
export function negotiateFormat(accept: string | undefined): ExportFormat {
  const wanted = weighed(accept).map(({ value, quality }) => {
    const essence = parseMediaType(value)?.essence;
    return {
      format: EXPORT_FORMATS.find((name) => EXPORT_FORMAT_FACTS[name].mediaType === essence),
      quality,
    };
  });
  const [best] = wanted
    .filter(({ format }) => format !== undefined)
    .toSorted((a, b) => b.quality - a.quality);
  return best?.format ?? FORMAT_DEFAULT;
}

/** Whether a compressed answer is welcome. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return weighed(acceptEncoding).some(({ value }) => /^\s*(?:gzip|x-gzip)\s*(?:;|$)/i.test(value));
}

/** The members of such a header that are not refused (`q=0`). */
function weighed(header: string | undefined): { readonly value: string; readonly quality: number }[] {
  return (header ?? '')
    .split(',')
    .map((value) => ({ value, quality: Number(QUALITY.exec(value)?.[1] ?? '1') }))
    .filter(({ quality }) => quality > 0);
}

/** Members that several schemas share. */
import Type from 'typebox';

export const oneOf = <const T extends string>(
  values: readonly T[],
  options: { readonly description?: string } = {},
) => Type.Unsafe<T>({ type: 'string', enum: [...values], ...options });

export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const Count = Type.Integer({ minimum: 0 });

export const countOf = (description: string) => Type.Integer({ minimum: 0, description });

/** An instant as the product tells it. */
export const Instant = Type.String({ format: 'date-time' });

/** An instant as people ask for it. */
export const instantText = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

export const FROM_DESCRIPTION =
  'RFC 3339 with an offset, a calendar date (its first instant, UTC), or relative to now: `now-7d`, `now-1d/d`';
export const FROM_TEXT = instantText(FROM_DESCRIPTION);
export const TO_TEXT = instantText('As `from`; the range [from, to) is half-open');

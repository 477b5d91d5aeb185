/** What a question says of the cache, `DELETE /api/v1/cache` and `POST /api/v1/cache/refresh`. */
import Type from 'typebox';
import { countOf } from './shapes.ts';

const USE_CACHE = Type.Boolean({
  description: '`false`: computed anew, whatever is kept; the answer is kept for others',
});

/** Of a question that is a body. */
export const CacheParametersSchema = Type.Object(
  { use_cache: Type.Optional(USE_CACHE) },
  { title: 'CacheParameters', additionalProperties: false },
);

export const ForgetParametersSchema = Type.Object(
  {
    pattern: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'Answers with a metric whose key it matches; `*` stands for any text: `http.*`. All when absent',
      }),
    ),
  },
  { title: 'ForgetParameters', additionalProperties: false },
);

export const ForgottenSchema = Type.Object(
  { forgotten: countOf('Answers that were kept and are no more') },
  { title: 'Forgotten' },
);

export const RefreshStartedSchema = Type.Object(
  { questions: countOf('Asked often in the last minute: they are answered anew, one after another') },
  { title: 'RefreshStarted' },
);

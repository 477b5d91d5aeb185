/** What there is to be asked, as the product's own OpenAPI document tells it. */

/** JSON Schema, as far as it is read here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

export interface Operation {
  /** `POST /api/v1/query` */
  readonly name: string;
  readonly method: string;
  /** With `{parameter}`s. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** By media type; empty when it takes no body. */
  readonly bodies: readonly (readonly [string, Schema])[];
}

export interface OpenApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters?: readonly Parameter[];
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema?: Schema }>>;
            };
          }
        >
      >
    >
  >;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export function operationsOf(document: OpenApiDocument): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lowerCase, { parameters = [], requestBody }]) => {
      const method = lowerCase.toUpperCase();
      const bodies = Object.entries(requestBody?.content ?? {}).map(
        ([mediaType, { schema = {} }]) => [mediaType, schema] as const,
      );
      return { name: `${method} ${path}`, method, path, parameters, bodies };
    }),
  );
}

const REFERENCE = '#/components/schemas/';

/** What a reference points at. @throws Error when it points nowhere */
export function resolveSchema(schema: Schema, document: OpenApiDocument): Schema {
  if (schema.$ref === undefined) return schema;
  const target = document.components?.schemas?.[schema.$ref.slice(REFERENCE.length)];
  if (target === undefined) throw new Error(`${schema.$ref} is not in the document`);
  return target;
}

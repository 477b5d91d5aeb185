/** Branded ids: a plain string cannot pass for one; a parser makes it. */
declare const brand: unique symbol;
export type Branded<T, B extends string> = T & { readonly [brand]: B };

/** 1-63 characters of `a-z 0-9 -`, beginning with a letter or digit. */
export type OrganizationId = Branded<string, 'OrganizationId'>;

const ORGANIZATION_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Null when the text is not an organization id. */
export function parseOrganizationId(text: string): OrganizationId | null {
  return ORGANIZATION_ID.test(text) ? (text as OrganizationId) : null;
}

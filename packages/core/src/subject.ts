import { fnv1a64 } from './hash.ts';
import type { AttributeDeclaration, FieldCondition, FieldReference, SubjectDeclaration } from './metric.ts';

/**
 * What is kept of subjects: the newest and the earliest value of one field, by the id of the subject. Attributes that read the same
 * values (the first plan and the present one) share one fact.
 */
export interface SubjectFact {
  /**
   * 16 hex digits over everything below. A changed declaration is another fact: what was kept under the old one is never
   * mistaken for it.
   */
  readonly fingerprint: string;
  readonly kind: string;
  /** Which events tell of it, and in which field each names the subject. */
  readonly sources: readonly { readonly eventTypes: readonly string[]; readonly id: FieldReference }[];
  /** As of `AttributeDeclaration`. */
  readonly field: FieldReference;
  readonly filters: readonly FieldCondition[];
}

export interface SubjectAttribute {
  readonly declaration: AttributeDeclaration;
  readonly fact: SubjectFact;
}

/** A kind of subject, checked and resolved. */
export interface CatalogueSubject {
  readonly kind: string;
  readonly declaration: SubjectDeclaration;
  /** In the order of the declaration. */
  readonly attributes: readonly SubjectAttribute[];
  /** The times of all events that tell of it: its earliest is when it was first seen, its newest when it was last seen. */
  readonly presence: SubjectFact;
  /** Of the attributes, and presence; each once. */
  readonly facts: readonly SubjectFact[];
  /** Sorted. */
  readonly eventTypes: readonly string[];
}

/** @param declaration one that `checkPacks` has found without fault */
export function compileSubject(declaration: SubjectDeclaration): CatalogueSubject {
  const { kind } = declaration;
  const presence = factOf(declaration, { field: 'time' });
  const attributes = declaration.attributes.map((attribute) => ({
    declaration: attribute,
    fact: factOf(declaration, attribute),
  }));
  const facts = [presence, ...attributes.map(({ fact }) => fact)];
  return {
    kind,
    declaration,
    attributes,
    presence,
    facts: [...new Map(facts.map((fact) => [fact.fingerprint, fact])).values()],
    eventTypes: [...new Set(declaration.events.flatMap(({ eventTypes }) => eventTypes))].toSorted(),
  };
}

/** Independent of the order of declarations. */
function factOf(
  { kind, events }: SubjectDeclaration,
  { field, eventTypes, filters }: Pick<AttributeDeclaration, 'field' | 'eventTypes' | 'filters'>,
): SubjectFact {
  const sources = events
    .map(({ eventTypes: all, id }) => ({
      eventTypes: all.filter((type) => eventTypes?.includes(type) ?? true).toSorted(),
      id,
    }))
    .filter((source) => source.eventTypes.length > 0)
    .toSorted(compareJson);
  const fact = { kind, sources, field, filters: (filters ?? []).toSorted(compareJson) };
  return { ...fact, fingerprint: fnv1a64(JSON.stringify(['subject-fact', fact])) };
}

function compareJson(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

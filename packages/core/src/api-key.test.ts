import { describe, expect, it } from '@jest/globals';
import { ROLES, roleAllows, SCOPE_OF_ROLE, scopeAllows, SCOPES } from './api-key.ts';

describe('roles and scopes', () => {
  it('let admins do everything, and the others their own', () => {
    const allowed = ROLES.map((role) => ROLES.filter((wanted) => roleAllows(role, wanted)));
    expect(allowed).toEqual([['producer'], ['viewer'], ['producer', 'viewer', 'admin']]);
  });

  it('match one to one, so that every route of a role demands one scope', () => {
    expect(ROLES.map((role) => SCOPE_OF_ROLE[role])).toEqual(SCOPES);
  });

  it('leave all when none are given, and else only what they name', () => {
    expect(SCOPES.filter((scope) => scopeAllows({}, scope))).toEqual(SCOPES);
    expect(SCOPES.filter((scope) => scopeAllows({ scopes: ['query:read'] }, scope))).toEqual(['query:read']);
    expect(SCOPES.filter((scope) => scopeAllows({ scopes: [] }, scope))).toEqual([]);
  });
});

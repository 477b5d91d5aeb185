import { AppError, parseOrganizationId, type OrganizationId, type Principal } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { createOrganizationDirectory, guardOrganizations, type KnownOrganization } from './organizations.ts';
import { RECORD_CACHE_MS, RECORD_STALE_MS } from './record-cache.ts';
import { createTelemetry } from './telemetry.ts';
import { createManualClock } from './testing.ts';

const ACME = parseOrganizationId('acme') as OrganizationId;
const ADA: Principal = { organization: ACME, role: 'viewer', credentialId: 'key1', user: null };

function setUp() {
  const clock = createManualClock(1_000);
  const telemetry = createTelemetry({ withProcessFigures: false });
  const state: { record: KnownOrganization | null; isAway: boolean; asked: number } = {
    record: { settings: { limits: { timeoutMs: 100 } }, disabledAtMs: null },
    isAway: false,
    asked: 0,
  };
  const find = async () => {
    state.asked += 1;
    if (state.isAway) throw new AppError('catalog-unavailable', 'away');
    return state.record;
  };
  const organizations = createOrganizationDirectory({ find, clock, telemetry });
  const noted: string[] = [];
  const keyUses = { note: (id: string) => void noted.push(id), close: () => Promise.resolve() };
  const inner = { authenticate: async () => ADA, authenticateToken: async () => ADA };
  const guarded = guardOrganizations(inner, { organizations, keyUses, telemetry });
  const enter = () => guarded.authenticate({ headers: {}, ip: undefined });
  const enterByToken = () => guarded.authenticateToken('x', undefined);
  return { clock, state, organizations, noted, enter, enterByToken, telemetry };
}

describe('the organization of a credential', () => {
  it('lets in and is asked for once in a while', async () => {
    const { state, organizations, noted, enter, enterByToken } = setUp();
    expect(await enter()).toBe(ADA);
    expect(await enterByToken()).toBe(ADA);
    expect(await organizations.limitsOf(ACME)).toEqual({ timeoutMs: 100 });
    expect([state.asked, noted]).toEqual([1, ['key1', 'key1']]);
  });

  it('keeps out within seconds of being disabled, whichever way the credential comes', async () => {
    const { clock, state, noted, enter, enterByToken, telemetry } = setUp();
    await enter();
    state.record = { settings: { limits: {} }, disabledAtMs: 1 };
    clock.advance(RECORD_CACHE_MS);
    const refused = { code: 'forbidden', message: 'the organization acme is disabled' };
    await expect(enter()).rejects.toMatchObject(refused);
    await expect(enterByToken()).rejects.toMatchObject(refused);
    expect(noted).toHaveLength(1);
    expect(await telemetry.text()).toMatch(/tidemark_auth_failures_total\{reason="organization"\} 2/);
  });

  it('keeps out when there is none', async () => {
    const { state, organizations, enter } = setUp();
    state.record = null;
    await expect(enter()).rejects.toMatchObject({ code: 'forbidden' });
    expect(await organizations.limitsOf(ACME)).toEqual({});
  });

  it('is taken as it was while the catalog is away, for a while', async () => {
    const { clock, state, enter } = setUp();
    await enter();
    state.isAway = true;
    clock.advance(RECORD_CACHE_MS);
    expect(await enter()).toBe(ADA);
    clock.advance(RECORD_STALE_MS);
    await expect(enter()).rejects.toMatchObject({ code: 'catalog-unavailable' });
  });
});

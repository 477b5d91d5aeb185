/** Tokens of an issuer of one's own, at every door. */
import { expect, it } from '@jest/globals';
import { call, send } from './client.ts';
import type { System } from './system.ts';

const EVENT = JSON.stringify({
  specversion: '1.0',
  id: 'credentials-1',
  source: '/e2e/credentials',
  type: 'llm.request',
  data: { service: 'credentials' },
});

export function describeCredentials(system: () => System): void {
  const statusOfSending = async (key: string) => (await send(system(), EVENT, { key })).status;
  const statusOfAsking = async (key: string) =>
    (await call(`${system().gatewayUrl}/api/v1/metrics`, { key })).status;

  it.each(['withSecret', 'withKey'] as const)(
    'takes a token signed %s for what its role allows',
    async (how) => {
      const token = system().issuer[how];
      const producer = token({ org: 'default', role: 'producer' });
      const viewer = token({ org: 'default', role: 'viewer' });
      expect(await statusOfSending(producer)).toBe(202);
      expect(await statusOfAsking(viewer)).toBe(200);
      expect(await statusOfSending(viewer)).toBe(403);
      expect(await statusOfAsking(producer)).toBe(403);
    },
  );

  it('refuses tokens that are over, forged or for somebody else', async () => {
    const { issuer } = system();
    const good = { org: 'default', role: 'admin' };
    const [header = '', , signature = ''] = issuer.withKey({ ...good, role: 'viewer' }).split('.');
    const [, claims = ''] = issuer.withKey(good).split('.');
    const bad = [
      issuer.withSecret({ ...good, exp: 1 }),
      issuer.withSecret({ ...good, aud: 'other' }),
      issuer.withSecret({ ...good, iss: 'urn:e2e:published' }),
      `${header}.${claims}.${signature}`,
    ];
    for (const token of bad) {
      expect(await statusOfSending(token)).toBe(401);
      expect(await statusOfAsking(token)).toBe(401);
    }
    expect(await statusOfAsking(issuer.withSecret({ role: 'admin' }))).toBe(403);
    expect(await statusOfSending(issuer.withSecret({ org: 'default' }))).toBe(403);
  });
}

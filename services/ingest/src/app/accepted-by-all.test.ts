import type { LedgerDay } from '@tidemark/catalog';
import { AppError, DAY_MS, parseOrganizationId, type OrganizationId } from '@tidemark/core';
import { describe, expect, it } from '@jest/globals';
import { createAcceptedByAll } from './accepted-by-all.ts';

const DAY = Date.UTC(2026, 0, 15);
const [acme, other] = ['acme', 'other'].map((name) => parseOrganizationId(name) as OrganizationId);

function dayOf(organization: OrganizationId | undefined, dayMs: number, acknowledged: number): LedgerDay {
  if (organization === undefined) throw new Error('an organization');
  const settled = { stored: 0, duplicate: 0, conflict: 0, dead: 0, rejected: 7 };
  return { organization, dayMs, acknowledged, ...settled };
}

describe('createAcceptedByAll', () => {
  it('tells what has been added, over midnight too, and counts nothing twice', async () => {
    let days: readonly LedgerDay[] = [dayOf(acme, DAY, 100)];
    const asked: unknown[] = [];
    const accepted = createAcceptedByAll({
      days: async (...call) => {
        asked.push(call);
        return days;
      },
    });
    expect(await accepted.sinceLast(DAY + 5)).toEqual(new Map());
    expect(asked).toEqual([['tidemark.events', null, DAY - DAY_MS, DAY + 2 * DAY_MS]]);
    days = [dayOf(acme, DAY, 130), dayOf(other, DAY, 4)];
    expect(await accepted.sinceLast(DAY + 1_005)).toEqual(
      new Map([
        [acme, 30],
        [other, 4],
      ]),
    );
    expect(await accepted.sinceLast(DAY + 2_005)).toEqual(new Map());
    days = [dayOf(acme, DAY, 135), dayOf(acme, DAY + DAY_MS, 20)];
    expect(await accepted.sinceLast(DAY + DAY_MS)).toEqual(new Map([[acme, 25]]));
  });

  it('loses nothing when the catalog is away in between', async () => {
    let answer: () => Promise<readonly LedgerDay[]> = async () => [dayOf(acme, DAY, 100)];
    const accepted = createAcceptedByAll({ days: () => answer() });
    await accepted.sinceLast(DAY);
    answer = () => Promise.reject(new AppError('catalog-unavailable', 'away'));
    await expect(accepted.sinceLast(DAY)).rejects.toMatchObject({ code: 'catalog-unavailable' });
    answer = async () => [dayOf(acme, DAY, 180)];
    expect(await accepted.sinceLast(DAY)).toEqual(new Map([[acme, 80]]));
  });
});

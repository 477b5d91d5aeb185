import {
  AppError,
  assertThat,
  DEFAULT_ORGANIZATION_SETTINGS,
  type OrganizationId,
  type OrganizationSettings,
} from '@tidemark/core';
import { appendAudit } from './audit-log.ts';
import type { SqlExecutor } from './port.ts';
import { type BigintText, toSafeInteger } from './rows.ts';
import { type Definitions, OWN_METRICS_MAX, type OwnMetric } from './tenancy-port.ts';

interface SettingsRow {
  readonly settings: Partial<OrganizationSettings>;
}

interface MetricRow {
  readonly key: string;
  readonly declaration: unknown;
  readonly created_at_ms: BigintText;
  readonly updated_at_ms: BigintText;
  readonly revision: BigintText;
  readonly fingerprint: string | null;
  readonly adoption: BigintText | null;
  readonly is_confirmed: boolean;
}

type Transaction = Pick<SqlExecutor, 'query'>;

const REVISION = 'SELECT revision FROM organizations WHERE id = $1';

const SETTINGS = 'SELECT settings FROM organizations WHERE id = $1';

const LOCK_SETTINGS = `${SETTINGS} FOR NO KEY UPDATE`;

const SET_SETTINGS = 'UPDATE organizations SET settings = $2::jsonb WHERE id = $1';

/** Also keeps others from changing what the organization has declared, until the transaction ends. */
const RAISE_REVISION = `
UPDATE organizations SET revision = revision + 1 WHERE id = $1 RETURNING revision`;

const PUT_COLUMNS = 'key, declaration, created_at_ms, updated_at_ms, revision';
const METRIC_COLUMNS = `${PUT_COLUMNS}, fingerprint, adoption, is_confirmed`;

const LIST_METRICS = `SELECT ${METRIC_COLUMNS} FROM metrics WHERE organization = $1 ORDER BY key`;

const COUNT_METRICS = 'SELECT count(*)::integer AS metrics FROM metrics WHERE organization = $1';

const PUT_METRIC = `
INSERT INTO metrics AS m (organization, ${PUT_COLUMNS}) VALUES ($1, $2, $3::jsonb, $4, $4, $5)
ON CONFLICT (organization, key) DO UPDATE SET
  declaration = excluded.declaration, updated_at_ms = excluded.updated_at_ms, revision = excluded.revision,
  fingerprint = CASE WHEN m.declaration = excluded.declaration THEN m.fingerprint END,
  adoption = CASE WHEN m.declaration = excluded.declaration THEN m.adoption END,
  is_confirmed = m.is_confirmed AND m.declaration = excluded.declaration
RETURNING ${METRIC_COLUMNS}`;

const ADOPT_METRIC = `
UPDATE metrics SET
  adoption = CASE WHEN fingerprint = $3 THEN adoption ELSE nextval('pipeline_versions') END,
  is_confirmed = is_confirmed AND fingerprint IS NOT DISTINCT FROM $3,
  fingerprint = $3
WHERE organization = $1 AND key = $2 AND revision = $4
RETURNING ${METRIC_COLUMNS}`;

const CONFIRM_METRIC = `
UPDATE metrics SET is_confirmed = true WHERE organization = $1 AND key = $2 AND adoption = $3::bigint`;

const GIVE_UP_METRIC = `
UPDATE metrics SET fingerprint = NULL, adoption = NULL, is_confirmed = false
WHERE organization = $1 AND key = $2 AND adoption = $3::bigint`;

const DELETE_METRIC = 'DELETE FROM metrics WHERE organization = $1 AND key = $2 RETURNING key';

export function createDefinitions(executor: Pick<SqlExecutor, 'query' | 'transaction'>): Definitions {
  return {
    async revisionOf(organization) {
      const [row] = await executor.query<{ revision: BigintText }>(REVISION, [organization]);
      return row === undefined ? 0 : toSafeInteger(row.revision);
    },
    async settingsOf(organization) {
      const [row] = await executor.query<SettingsRow>(SETTINGS, [organization]);
      return toSettings(row);
    },
    async changeSettings(organization, { action, target, apply }, actor) {
      return await executor.transaction(async (tx) => {
        const [row] = await tx.query<SettingsRow>(LOCK_SETTINGS, [organization]);
        const before = toSettings(row);
        const after = apply(before);
        await raiseRevision(tx, organization);
        await tx.query(SET_SETTINGS, [organization, JSON.stringify(after)]);
        const details = changedMembers(before, after);
        await appendAudit(tx, { organization, action, target, details }, actor);
        return after;
      });
    },
    async metricsOf(organization) {
      return (await executor.query<MetricRow>(LIST_METRICS, [organization])).map(toOwnMetric);
    },
    async putMetric(organization, key, declaration, actor) {
      return await executor.transaction(async (tx) => {
        const revision = await raiseRevision(tx, organization);
        const [row] = await tx.query<MetricRow>(PUT_METRIC, [
          organization,
          key,
          JSON.stringify(declaration),
          actor.atMs,
          revision,
        ]);
        assertThat(row !== undefined, 'a metric that was put is there');
        await assertRoom(tx, organization);
        const details = { declaration };
        await appendAudit(tx, { organization, action: 'metric.put', target: key, details }, actor);
        return toOwnMetric(row);
      });
    },
    async adoptMetric(organization, key, { fingerprint, revision }) {
      const [row] = await executor.query<MetricRow>(ADOPT_METRIC, [organization, key, fingerprint, revision]);
      return row === undefined ? null : toOwnMetric(row).rollup;
    },
    async confirmMetric(organization, key, adoption) {
      await executor.query(CONFIRM_METRIC, [organization, key, adoption.toString()]);
    },
    async giveUpMetric(organization, key, adoption) {
      await executor.query(GIVE_UP_METRIC, [organization, key, adoption.toString()]);
    },
    async deleteMetric(organization, key, actor) {
      return await executor.transaction(async (tx) => {
        // The organization first, as whoever puts: two orders could wait for each other for ever.
        const known = await tx.query<{ id: string }>(LOCK_SETTINGS, [organization]);
        const deleted = known.length === 0 ? [] : await tx.query(DELETE_METRIC, [organization, key]);
        if (deleted.length === 0) return false;
        await raiseRevision(tx, organization);
        await appendAudit(tx, { organization, action: 'metric.delete', target: key, details: {} }, actor);
        return true;
      });
    },
  };
}

/** @throws not-found when there is no such organization */
async function raiseRevision(tx: Transaction, organization: OrganizationId): Promise<number> {
  const [row] = await tx.query<{ revision: BigintText }>(RAISE_REVISION, [organization]);
  if (row === undefined) throw new AppError('not-found', `There is no organization ${organization}`);
  return toSafeInteger(row.revision);
}

async function assertRoom(tx: Transaction, organization: OrganizationId): Promise<void> {
  const [row] = await tx.query<{ metrics: number }>(COUNT_METRICS, [organization]);
  if (row === undefined || row.metrics <= OWN_METRICS_MAX) return;
  throw new AppError('conflict', `an organization declares at most ${OWN_METRICS_MAX} metrics of its own`);
}

function changedMembers(before: OrganizationSettings, after: OrganizationSettings) {
  const names = (Object.keys(DEFAULT_ORGANIZATION_SETTINGS) as (keyof OrganizationSettings)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const pick = (settings: OrganizationSettings) =>
    Object.fromEntries(names.map((name) => [name, settings[name]]));
  return { before: pick(before), after: pick(after) };
}

function toSettings(row: SettingsRow | undefined): OrganizationSettings {
  return { ...DEFAULT_ORGANIZATION_SETTINGS, ...row?.settings };
}

function toOwnMetric(row: MetricRow): OwnMetric {
  const { fingerprint, adoption, is_confirmed: isConfirmed } = row;
  const isAdopted = fingerprint !== null && adoption !== null;
  return {
    key: row.key,
    declaration: row.declaration,
    createdAtMs: toSafeInteger(row.created_at_ms),
    updatedAtMs: toSafeInteger(row.updated_at_ms),
    revision: toSafeInteger(row.revision),
    rollup: isAdopted ? { fingerprint, adoption: BigInt(adoption), isConfirmed } : null,
  };
}

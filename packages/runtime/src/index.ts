export * from './api-key.ts';
export * from './authenticator.ts';
export type { ConfigField } from './config-field.ts';
export * from './config.ts';
export { goneSignal } from './gone-signal.ts';
export * from './health.ts';
export * from './http-server.ts';
export * from './lifecycle.ts';
export * from './logger.ts';
export * from './open-api.ts';
export * from './operations-routes.ts';
export {
  createOrganizationDirectory,
  createTenancy,
  guardOrganizations,
  type OrganizationDirectory,
  perSecondPolicy,
} from './organizations.ts';
export { RETRY_AFTER_DEFAULT_SECONDS, sendProblem } from './problem-handler.ts';
export * from './rate-limit.ts';
export { RECORD_CACHE_MS } from './record-cache.ts';
export * from './run-service.ts';
export * from './secret.ts';
export * from './system-clock.ts';
export * from './telemetry-names.ts';
export * from './telemetry.ts';
export { createTokenVerifier } from './token-verifier.ts';

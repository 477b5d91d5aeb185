export { DEFAULT_ORGANIZATION, ensureDefaultOrganization } from './app/bootstrap.ts';
export { GATEWAY_FIELDS, READER_FIELDS } from './config.ts';
export { registerGatewayRoutes } from './routes.ts';
export type { GatewayRoutesOptions } from './routes.ts';
export { createGatewayStores } from './stores.ts';

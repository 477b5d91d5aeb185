export {
  type BackendAddresses,
  type BackendName,
  parseTestBackends,
  toTestEnvironment,
} from './addresses.ts';
export { type Backends, startBackends, type StartBackendsOptions } from './backends.ts';
export { findFreePort, findFreePorts } from './free-port.ts';
export { type Command, createServerProgram, type Server, type ServerSpec } from './program.ts';
export { residentMib } from './resident-memory.ts';
export { findBundle, findRepositoryRoot } from './repository.ts';
export {
  createSecondAggregator,
  type ServiceName,
  type Services,
  startServices,
  type StartServicesOptions,
} from './services.ts';
export { createShutdown, type Shutdown } from './shutdown.ts';
export { createStandalone, type StandaloneOptions, type StandaloneServer } from './standalone.ts';
export { type ProxyMode, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
export { waitUntil, type WaitOptions } from './wait-until.ts';

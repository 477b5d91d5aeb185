export {
  type BackendAddresses,
  type BackendName,
  parseTestBackends,
  toTestEnvironment,
} from './addresses.ts';
export { type Backends, startBackends, type StartBackendsOptions } from './backends.ts';
export { findFreePort, findFreePorts } from './free-port.ts';
export { type Command, createServerProgram, type Server, type ServerSpec } from './program.ts';
export { findBundle, findRepositoryRoot } from './repository.ts';
export { type ServiceName, type Services, startServices, type StartServicesOptions } from './services.ts';
export { createShutdown, type Shutdown } from './shutdown.ts';
export { waitUntil, type WaitOptions } from './wait-until.ts';

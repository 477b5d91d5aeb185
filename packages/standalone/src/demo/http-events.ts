import type { IncidentKind } from './incidents.ts';
import type { EventDraft } from './llm-events.ts';
import { logNormal, pick, type Random, skewedIndex } from './random.ts';

const CLIENTS = 1_800;
const USERS = 420;
const DEVICES = 60;

const ROUTES = [
  {
    weight: 8,
    service: 'web',
    kind: 'page',
    method: 'GET',
    path: '/',
    durationMs: 35,
    bytes: 18_000,
    errorRate: 0.001,
  },
  {
    weight: 5,
    service: 'web',
    kind: 'page',
    method: 'GET',
    path: '/products',
    durationMs: 70,
    bytes: 42_000,
    errorRate: 0.002,
  },
  {
    weight: 4,
    service: 'api',
    kind: 'api',
    method: 'GET',
    path: '/api/products',
    durationMs: 45,
    bytes: 9_000,
    errorRate: 0.004,
  },
  {
    weight: 2,
    service: 'api',
    kind: 'api',
    method: 'POST',
    path: '/api/checkout',
    durationMs: 210,
    bytes: 900,
    errorRate: 0.012,
  },
  {
    weight: 2,
    service: 'api',
    kind: 'api',
    method: 'GET',
    path: '/api/orders',
    durationMs: 90,
    bytes: 5_200,
    errorRate: 0.006,
  },
  {
    weight: 1,
    service: 'web',
    kind: 'page',
    method: 'GET',
    path: '/old-catalogue',
    durationMs: 12,
    bytes: 600,
    errorRate: 0.35,
  },
  {
    weight: 3,
    service: 'devices',
    kind: 'device',
    method: 'PUT',
    path: '/devices/state',
    durationMs: 25,
    bytes: 120,
    errorRate: 0.01,
  },
] as const;

const CHECKOUT = '/api/checkout';
const CHECKOUT_ERROR_RATE = 0.7;

/** One event of the pack http, as it could have happened at that instant. */
export function drawHttpEvent(
  random: Random,
  _timeMs: number,
  incidents: ReadonlySet<IncidentKind>,
): EventDraft {
  const { service, kind, method, path, ...typical } = pick(random, ROUTES);
  const isBroken = path === CHECKOUT && incidents.has('error-spike');
  const isError = random() < (isBroken ? CHECKOUT_ERROR_RATE : typical.errorRate);
  const status = isError ? (isBroken ? 503 : path === '/old-catalogue' ? 404 : 500) : 200;
  const client = skewedIndex(random, CLIENTS);
  return {
    type: 'http.request',
    data: {
      service,
      event_type: kind,
      method,
      path,
      protocol: 'HTTP/2.0',
      status,
      duration_ms: Math.round(logNormal(random, typical.durationMs * (isBroken ? 4 : 1), 0.5) * 10) / 10,
      bytes: isError ? 310 : Math.round(logNormal(random, typical.bytes, 0.4)),
      client: `10.20.${Math.floor(client / 250)}.${(client % 250) + 1}`,
      ...(kind === 'api' ? { user: `user-${String(skewedIndex(random, USERS)).padStart(4, '0')}` } : {}),
      ...(kind === 'device'
        ? { device: `device-${String(Math.floor(random() * DEVICES)).padStart(3, '0')}` }
        : {}),
      ...(isError
        ? { error_message: isBroken ? 'payment provider does not answer' : `status ${status}` }
        : {}),
    },
  };
}

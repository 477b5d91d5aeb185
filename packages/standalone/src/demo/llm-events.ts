import { HOUR_MS, type JsonObject } from '@tidemark/core';
import type { IncidentKind } from './incidents.ts';
import { logNormal, pick, type Random, skewedIndex } from './random.ts';

const USERS = 420;
const MICRO = 1_000_000;

const MODELS = [
  {
    weight: 5,
    provider: 'acme',
    model: 'acme-small',
    promptPrice: 150,
    completionPrice: 600,
    msPerToken: 6,
    windowTokens: 8_192,
  },
  {
    weight: 3,
    provider: 'acme',
    model: 'acme-large',
    promptPrice: 2_500,
    completionPrice: 10_000,
    msPerToken: 14,
    windowTokens: 16_384,
  },
  {
    weight: 2,
    provider: 'globex',
    model: 'globex-pro',
    promptPrice: 3_000,
    completionPrice: 15_000,
    msPerToken: 18,
    windowTokens: 16_384,
  },
] as const;

const SERVICES = [
  {
    weight: 5,
    service: 'chat',
    operation: 'chat',
    promptTokens: 900,
    completionTokens: 220,
    feature: 'assistant',
  },
  {
    weight: 3,
    service: 'search',
    operation: 'chat',
    promptTokens: 1_800,
    completionTokens: 90,
    feature: 'answers',
  },
  {
    weight: 2,
    service: 'summaries',
    operation: 'text_completion',
    promptTokens: 3_200,
    completionTokens: 300,
    feature: 'summaries',
  },
] as const;

const FEATURES = [
  { weight: 5, feature: 'assistant', action: 'ask', durationMs: 2_400, errorRate: 0.012 },
  { weight: 3, feature: 'answers', action: 'search', durationMs: 900, errorRate: 0.008 },
  { weight: 2, feature: 'summaries', action: 'create', durationMs: 4_800, errorRate: 0.03 },
  { weight: 1, feature: 'export', action: 'download', durationMs: 1_500, errorRate: 0.05 },
] as const;

const ENDPOINTS = [
  { weight: 5, endpoint: '/v1/chat', method: 'POST', responseMs: 180, dbMs: 25 },
  { weight: 4, endpoint: '/v1/documents/{id}', method: 'GET', responseMs: 60, dbMs: 30 },
  { weight: 2, endpoint: '/v1/search', method: 'GET', responseMs: 240, dbMs: 110 },
  { weight: 1, endpoint: '/v1/exports', method: 'POST', responseMs: 900, dbMs: 420 },
] as const;

const PAGES = [
  { weight: 5, page: '/home', element: 'new-chat' },
  { weight: 4, page: '/chat', element: 'send' },
  { weight: 2, page: '/library', element: 'open' },
  { weight: 1, page: '/settings', element: 'save' },
] as const;

const REFERRERS = [
  { weight: 5, referrer: undefined },
  { weight: 3, referrer: 'https://search.example/' },
  { weight: 1, referrer: 'https://news.example/' },
] as const;

/** What an event is before it has a time and an id. */
export interface EventDraft {
  readonly type: string;
  readonly data: JsonObject;
}

type Draw = (random: Random, timeMs: number, incidents: ReadonlySet<IncidentKind>) => EventDraft;

const KINDS: readonly { readonly weight: number; readonly draw: Draw }[] = [
  { weight: 9, draw: drawRequest },
  { weight: 3, draw: drawFeatureUse },
  { weight: 4, draw: drawEndpointCall },
  { weight: 3, draw: drawPageView },
  { weight: 1, draw: drawInteraction },
];

/** One event of the pack llm, as it could have happened at that instant. */
export const drawLlmEvent: Draw = (random, timeMs, incidents) =>
  pick(random, KINDS).draw(random, timeMs, incidents);

function drawRequest(random: Random, timeMs: number, incidents: ReadonlySet<IncidentKind>): EventDraft {
  const { service, operation, ...typical } = pick(random, SERVICES);
  const { provider, model, ...terms } = pick(random, MODELS);
  const isBloated = service === 'search' && incidents.has('cost-jump');
  const isSlow = provider === 'globex' && incidents.has('latency-shift');
  const wantedTokens = Math.round(logNormal(random, typical.promptTokens * (isBloated ? 6 : 1), 0.5));
  const promptTokens = Math.min(wantedTokens, terms.windowTokens);
  const isFailed = random() < 0.01;
  const completionTokens = isFailed ? 0 : 1 + Math.round(logNormal(random, typical.completionTokens, 0.6));
  const isCached = !isFailed && random() < 0.12;
  const latencyMs = isCached
    ? logNormal(random, 25, 0.3)
    : 150 + logNormal(random, completionTokens * terms.msPerToken, 0.25) * (isSlow ? 3.5 : 1);
  // Prices are micro-dollars for 1,000 tokens, so the cost is a whole number of nano-dollars.
  const nanoDollars = isCached
    ? 0
    : promptTokens * terms.promptPrice + completionTokens * terms.completionPrice;
  return {
    type: 'llm.request',
    data: {
      service,
      provider,
      model,
      operation,
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      cost: toDollars(nanoDollars),
      latency_ms: Math.round(latencyMs),
      allocated_capacity: terms.windowTokens,
      used_capacity: Math.min(promptTokens + completionTokens, terms.windowTokens),
      cached: isCached,
      success: !isFailed,
      ...(isFailed ? { error: 'the provider is overloaded' } : {}),
      ...drawVisitor(random, timeMs),
    },
  };
}

function drawFeatureUse(random: Random, timeMs: number): EventDraft {
  const { feature, action, durationMs, errorRate } = pick(random, FEATURES);
  const isFailed = random() < errorRate;
  return {
    type: 'feature.used',
    data: {
      feature,
      action,
      duration_ms: Math.round(logNormal(random, durationMs, 0.5)),
      success: !isFailed,
      ...(isFailed ? { error: 'timed out' } : {}),
      ...drawVisitor(random, timeMs),
    },
  };
}

function drawEndpointCall(random: Random, timeMs: number): EventDraft {
  const { endpoint, method, responseMs, dbMs } = pick(random, ENDPOINTS);
  const isFailed = random() < 0.015;
  return {
    type: 'endpoint.called',
    data: {
      endpoint,
      method,
      status: isFailed ? 500 : 200,
      response_time_ms: Math.round(logNormal(random, responseMs, 0.55)),
      cpu_percent: Math.round(Math.min(100, logNormal(random, 38, 0.3)) * 10) / 10,
      memory_mb: Math.round(logNormal(random, 1_400, 0.08)),
      db_time_ms: Math.round(logNormal(random, dbMs, 0.5)),
      user: drawVisitor(random, timeMs).user,
    },
  };
}

function drawPageView(random: Random, timeMs: number): EventDraft {
  const { page } = pick(random, PAGES);
  const { referrer } = pick(random, REFERRERS);
  return {
    type: 'page.viewed',
    data: {
      page,
      ...(referrer === undefined ? {} : { referrer }),
      dwell_ms: Math.round(logNormal(random, 24_000, 0.9)),
      ...drawVisitor(random, timeMs),
    },
  };
}

function drawInteraction(random: Random, timeMs: number): EventDraft {
  const { page, element } = pick(random, PAGES);
  return { type: 'ui.event', data: { page, element, action: 'click', ...drawVisitor(random, timeMs) } };
}

/** A session is what one user does within one hour. */
function drawVisitor(random: Random, timeMs: number): { readonly user: string; readonly session: string } {
  const user = `user-${String(skewedIndex(random, USERS)).padStart(4, '0')}`;
  return { user, session: `${user}-${Math.floor(timeMs / HOUR_MS)}` };
}

/** Exact decimal text: money never passes through a binary float. */
function toDollars(nanoDollars: number): string {
  const nanosPerDollar = MICRO * 1_000;
  const fraction = String(nanoDollars % nanosPerDollar).padStart(9, '0');
  return `${Math.floor(nanoDollars / nanosPerDollar)}.${fraction}`;
}

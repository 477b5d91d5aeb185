import type { Pack } from '@tidemark/core';
import { agents } from './agents/pack.ts';
import { custom } from './custom/pack.ts';
import { deepFreeze } from './freeze.ts';
import { http } from './http/pack.ts';
import { llm } from './llm/pack.ts';
import { messaging } from './messaging/pack.ts';
import { support } from './support/pack.ts';

/** Every domain Tidemark ships with, as frozen data that survives a round trip through JSON. */
export const PACKS: readonly Pack[] = deepFreeze([llm, agents, http, support, messaging, custom]);

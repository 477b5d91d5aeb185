const KIB = 1024;
const MIB = 1024 * KIB;

/** What one request may bring. Every refusal names the limit it hit. */
export interface EventLimits {
  /** Of the event as it goes to the bus: the JSON text of its data plus its attributes, UTF-8. */
  readonly eventBytesMax: number;
  readonly batchEventsMax: number;
  /** Of the body after inflation. */
  readonly bodyBytesMax: number;
  /** Of the body as it travels, when it is compressed. */
  readonly compressedBodyBytesMax: number;
  /** Levels of objects and arrays in the data; `{}` is one. */
  readonly dataDepthMax: number;
  /** Keys in the data, over all its objects. */
  readonly dataKeysMax: number;
  /** Characters (UTF-16 units), as are the next four. */
  readonly idLengthMax: number;
  readonly sourceLengthMax: number;
  readonly typeLengthMax: number;
  readonly subjectLengthMax: number;
  readonly extensionLengthMax: number;
  readonly extensionsMax: number;
  /** How far the time of an event may lie ahead of its receipt: clocks of producers run ahead, years do not. */
  readonly futureMsMax: number;
}

export const DEFAULT_EVENT_LIMITS: EventLimits = {
  eventBytesMax: 256 * KIB,
  batchEventsMax: 10_000,
  bodyBytesMax: 16 * MIB,
  compressedBodyBytesMax: 8 * MIB,
  dataDepthMax: 32,
  dataKeysMax: 512,
  idLengthMax: 256,
  sourceLengthMax: 1024,
  typeLengthMax: 256,
  subjectLengthMax: 512,
  extensionLengthMax: 2048,
  extensionsMax: 32,
  futureMsMax: 24 * 60 * 60 * 1000,
};

/** Event time is an instant in [1970, 2100): what every tier and every driver in use can hold. */
export const EVENT_TIME_MIN_MS = 0;
export const EVENT_TIME_END_MS = Date.UTC(2100, 0, 1);

/** Faults listed per event; more are counted by nobody, the sender has enough to go on. */
export const FAULTS_PER_EVENT_MAX = 20;

/** Faults listed per request; after that, each reject tells its first fault only, so that an answer stays below a few megabytes. */
export const FAULTS_PER_REQUEST_MAX = 2_000;

/** The rules of subjects and of the metrics over their states. */
import { conditionValueFault } from './catalogue-condition.ts';
import {
  checkCondition,
  checkEventType,
  checkField,
  checkLevel,
  checkMemberKey,
  DIMENSION_KEY,
  quote,
  type Report,
  reportDuplicates,
} from './catalogue-faults.ts';
import type { AttributeDeclaration, StateMetric, SubjectDeclaration } from './metric.ts';
import type { Pack } from './pack.ts';

/** Each is a few hundred bytes of one statement. */
const ATTRIBUTES_PER_SUBJECT_MAX = 64;

export function checkSubjects(pack: Pack, eventTypes: ReadonlySet<string>, at: string, report: Report): void {
  pack.subjects.forEach((subject, index) => {
    const place = `${at}/subjects/${index}`;
    checkMemberKey(
      { key: subject.kind, packKey: pack.key, noun: 'kind of a subject' },
      `${place}/kind`,
      report,
    );
    if (subject.events.length === 0) report(`${place}/events`, 'no event tells of the subject');
    subject.events.forEach((source, s) => {
      const from = `${place}/events/${s}`;
      if (source.eventTypes.length === 0) report(`${from}/eventTypes`, 'no event type feeds the subject');
      source.eventTypes.forEach((type, t) =>
        checkEventType(type, eventTypes, `${from}/eventTypes/${t}`, report),
      );
      checkField(source.id, `${from}/id`, report);
    });
    checkAttributes(subject, place, report);
  });
}

function checkAttributes(subject: SubjectDeclaration, at: string, report: Report): void {
  const { attributes } = subject;
  if (attributes.length > ATTRIBUTES_PER_SUBJECT_MAX) {
    report(`${at}/attributes`, `${attributes.length} attributes, more than ${ATTRIBUTES_PER_SUBJECT_MAX}`);
  }
  reportDuplicates(
    attributes.map(({ key }, a) => [key, `${at}/attributes/${a}/key`] as const),
    'attribute',
    report,
  );
  const telling = new Set(subject.events.flatMap(({ eventTypes }) => eventTypes));
  attributes.forEach((attribute, a) => checkAttribute(attribute, telling, `${at}/attributes/${a}`, report));
}

function checkAttribute(
  { key, field, type, eventTypes, filters }: AttributeDeclaration,
  telling: ReadonlySet<string>,
  at: string,
  report: Report,
): void {
  if (!DIMENSION_KEY.test(key)) report(`${at}/key`, `${quote(key)} is no attribute key`);
  if (field !== 'time') checkField(field, `${at}/field`, report);
  else if (type !== 'time') report(`${at}/type`, `the time of an event is a time, not a ${type}`);
  if (eventTypes?.length === 0) report(`${at}/eventTypes`, 'no event type tells of the attribute');
  eventTypes?.forEach((eventType, t) => {
    if (!telling.has(eventType)) {
      report(`${at}/eventTypes/${t}`, `${quote(eventType)} is not an event type of the subject`);
    }
  });
  filters?.forEach((filter, f) => checkCondition(filter, `${at}/filters/${f}`, report));
}

export function checkStateMetric(metric: StateMetric, pack: Pack, at: string, report: Report): void {
  const subject = pack.subjects.find(({ kind }) => kind === metric.subject);
  if (subject === undefined) {
    report(`${at}/subject`, `${quote(metric.subject)} is not a subject of pack ${pack.key}`);
    return;
  }
  const attributes = new Map(subject.attributes.map((attribute) => [attribute.key, attribute]));
  const expectAttribute = (key: string, place: string, type?: AttributeDeclaration['type']): void => {
    const found = attributes.get(key);
    if (found === undefined) report(place, `${quote(key)} is not an attribute of ${subject.kind}`);
    else if (type !== undefined && found.type !== type) {
      report(place, `${quote(key)} is a ${found.type}: expected a ${type}`);
    }
  };
  expectAttribute(metric.at, `${at}/at`, 'time');
  metric.filters?.forEach(({ field, op, value }, f) => {
    expectAttribute(field, `${at}/filters/${f}/field`);
    const detail = conditionValueFault(op, value);
    if (detail !== null) report(`${at}/filters/${f}/value`, detail);
  });
  checkValue(metric, at, expectAttribute, report);
  checkLevel(metric, at, report);
  checkTargets(metric, at, expectAttribute, report);
  reportDuplicates(
    metric.dimensions.map((key, d) => [key, `${at}/dimensions/${d}`] as const),
    'dimension',
    report,
  );
  metric.dimensions.forEach((key, d) => expectAttribute(key, `${at}/dimensions/${d}`));
}

type ExpectAttribute = (key: string, place: string, type?: AttributeDeclaration['type']) => void;

function checkValue(
  { value, aggregation }: StateMetric,
  at: string,
  expectAttribute: ExpectAttribute,
  report: Report,
): void {
  if (value === undefined) {
    if (aggregation !== 'count') report(`${at}/value`, `${aggregation} needs a value: an attribute`);
  } else if (typeof value === 'string') {
    const takesAny = aggregation === 'count' || aggregation === 'unique';
    expectAttribute(value, `${at}/value`, takesAny ? undefined : 'number');
  } else {
    if (aggregation === 'unique') report(`${at}/value`, 'a time elapsed has no distinct values to count');
    expectAttribute(value.since, `${at}/value/since`, 'time');
    expectAttribute(value.until, `${at}/value/until`, 'time');
  }
}

function checkTargets(
  { targets, aggregation }: StateMetric,
  at: string,
  expectAttribute: ExpectAttribute,
  report: Report,
): void {
  const isHeld = aggregation === 'within' || aggregation === 'targeted';
  if (targets === undefined) {
    if (isHeld) report(`${at}/targets`, `${aggregation} needs targets`);
    return;
  }
  if (!isHeld) report(`${at}/targets`, `only within and targeted have targets, not ${aggregation}`);
  expectAttribute(targets.attribute, `${at}/targets/attribute`);
}

/** What the options of several commands are read with. */
import { InvalidArgumentError } from 'commander';

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

export function toSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new InvalidArgumentError('expected a number of seconds.');
}

export function toCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 1.');
}

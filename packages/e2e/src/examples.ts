/** What a page shows to be typed into a shell. */

export interface Example {
  /** Of the page, where it begins. */
  readonly line: number;
  readonly text: string;
}

const FENCE = '```';

/** The blocks fenced as `sh`, in order. */
export function examplesOf(page: string): readonly Example[] {
  const lines = page.split('\n');
  return lines.flatMap((text, index) => {
    if (text !== `${FENCE}sh`) return [];
    const end = lines.indexOf(FENCE, index);
    return [{ line: index + 2, text: lines.slice(index + 1, end).join('\n') }];
  });
}

/**
 * Which operations the examples ask for. A command is told by its path; its method by `-X`, else it is a POST when it has a body.
 *
 * @param operations `<method> <path template>`
 */
export function operationsIn(examples: readonly Example[], operations: readonly string[]): readonly string[] {
  const patterns = operations
    .map((operation) => {
      const [method = '', template = ''] = operation.split(' ');
      return { operation, method, template, pattern: toPattern(template) };
    })
    // What a template says in so many words comes before its parameters.
    .toSorted((one, other) => parametersOf(one.template) - parametersOf(other.template));
  return examples
    .flatMap(({ text }) => text.split(/(?=\bcurl )/))
    .flatMap((command) => {
      const [path] = /\/api\/v1\/[^"?\s]*/.exec(command) ?? [];
      const [, stated] = /-X ([A-Z]+)/.exec(command) ?? [];
      const method = stated ?? (/ (?:-d|--data-binary) /.test(command) ? 'POST' : 'GET');
      const found = patterns.find((known) => known.method === method && known.pattern.test(path ?? ''));
      return found === undefined ? [] : [found.operation];
    });
}

function parametersOf(template: string): number {
  return template.split('{').length - 1;
}

function toPattern(template: string): RegExp {
  const parts = template
    .split(/\{\w+\}/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('[^/]+')}$`);
}

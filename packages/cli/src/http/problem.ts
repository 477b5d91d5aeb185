const FAULTS_SHOWN_MAX = 20;
const BODY_SHOWN_MAX = 300;

interface ProblemError {
  readonly pointer?: unknown;
  readonly detail?: unknown;
}

/**
 * What a person should read of an answer that is not a success: title, detail and every single fault of an RFC 9457 problem, or
 * the beginning of whatever else came.
 */
export function describeProblem(status: number, bodyText: string): string {
  const problem = parseObject(bodyText);
  if (problem === null || (problem['title'] === undefined && problem['detail'] === undefined)) {
    const shown = bodyText.trim().slice(0, BODY_SHOWN_MAX);
    return shown === '' ? `HTTP ${status}` : `HTTP ${status}: ${shown}`;
  }
  const heading = [problem['title'], problem['detail']].filter((part) => typeof part === 'string').join(': ');
  const errors = Array.isArray(problem['errors']) ? (problem['errors'] as readonly ProblemError[]) : [];
  const lines = errors
    .slice(0, FAULTS_SHOWN_MAX)
    .map(
      ({ pointer, detail }) =>
        `\n  ${[pointer, detail].filter((part) => typeof part === 'string').join(' ')}`,
    );
  const more = errors.length - lines.length;
  return `HTTP ${status}: ${heading}${lines.join('')}${more > 0 ? `\n  … and ${more} more` : ''}`;
}

/** Null when the text is not a JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Not JSON (a proxy's page, an empty body): the caller shows it as it is.
    return null;
  }
}

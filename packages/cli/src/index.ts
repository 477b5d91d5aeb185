export type { CliContext, TextSink } from './context.ts';
export { runCli } from './program.ts';

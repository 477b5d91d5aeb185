/**
 * Programs run by a cluster. A *server* is a program that keeps its address (and its data) over `kill` and `start`, so
 * that a test can take it away and bring it back.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { waitUntil } from './wait-until.ts';

/** How long a server may take to end when asked, before it is killed. */
const STOP_DEADLINE_MS = 15_000;
const LOG_TAIL_LINES = 20;

export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
  /** Added to what this process has, less NODE_OPTIONS and everything that begins with TIDEMARK_. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs the program as somebody else; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Receives stdout and stderr; appended to. */
  readonly logFile: string;
}

export interface ServerSpec<Name extends string> {
  readonly name: Name;
  /** What clients connect to. */
  readonly address: string;
  readonly command: Command;
  /** Answers true when the server can serve; may throw while it cannot. */
  readonly isReady: () => Promise<boolean>;
  readonly readyDeadlineMs: number;
  /** How often a start that ends early is tried again; Postgres needs it right after a SIGKILL. Default 1. */
  readonly startAttempts?: number;
  /** What asks it to end by itself. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

export interface Server<Name extends string = string> {
  readonly name: Name;
  readonly address: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  pid(): number | undefined;
  /** Resolves when it is ready. Does nothing when it runs. @throws Error with the end of its log. */
  start(): Promise<void>;
  /** Sends the signal (SIGSTOP, SIGCONT…) without waiting for anything. @throws Error when it is down. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it without a chance to clean up (SIGKILL); resolves when it is gone. Idempotent. */
  kill(): Promise<void>;
  /** Asks it to end, then SIGKILL after 15 s; resolves when it is gone. Idempotent. */
  stop(): Promise<void>;
}

export function createServerProgram<Name extends string>(spec: ServerSpec<Name>): Server<Name> {
  let running: RunningProgram | undefined;
  /** False once somebody ended it: a start under way then does not try again. */
  let isWanted = false;

  async function startOnce(): Promise<void> {
    const program = launch(spec.command);
    running = program;
    try {
      await waitUntil(spec.isReady, {
        what: `${spec.name} at ${spec.address} to be ready`,
        deadlineMs: spec.readyDeadlineMs,
        giveUp: () => assertAlive(spec.name, program),
      });
    } catch (error) {
      await end(program, 'SIGKILL');
      running = undefined;
      throw new Error(
        `${spec.name} did not start; the end of ${spec.command.logFile}:\n${readLogTail(spec.command.logFile)}`,
        {
          cause: error,
        },
      );
    }
  }

  async function endWith(signal: NodeJS.Signals): Promise<void> {
    isWanted = false;
    if (running === undefined) return;
    await end(running, signal);
    running = undefined;
  }

  return {
    name: spec.name,
    address: spec.address,
    logFile: spec.command.logFile,
    pid: () => (running?.outcome() === undefined ? running?.child.pid : undefined),
    async start() {
      if (running !== undefined && running.outcome() === undefined) return;
      isWanted = true;
      const attemptsMax = spec.startAttempts ?? 1;
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await startOnce();
        } catch (error) {
          if (!isWanted || attempt >= attemptsMax) throw error;
        }
      }
    },
    signal(signal) {
      if (running === undefined || !running.child.kill(signal))
        throw new Error(`${spec.name} is not running`);
    },
    kill: () => endWith('SIGKILL'),
    stop: () => endWith(spec.stopSignal ?? 'SIGTERM'),
  };
}

/** Runs a program to its end. @throws Error with the end of its log when it fails or outlives the deadline. */
export async function runToEnd(name: string, command: Command, deadlineMs: number): Promise<void> {
  const program = launch(command);
  const timer = setTimeout(() => program.child.kill('SIGKILL'), deadlineMs);
  const outcome = await program.ended;
  clearTimeout(timer);
  if (outcome === 'exit code 0') return;
  throw new Error(
    `${name} ended with ${outcome}; the end of ${command.logFile}:\n${readLogTail(command.logFile)}`,
  );
}

interface RunningProgram {
  readonly child: ChildProcess;
  /** Resolves with what became of it; never rejects. */
  readonly ended: Promise<string>;
  outcome(): string | undefined;
}

function launch(command: Command): RunningProgram {
  const log = openSync(command.logFile, 'a');
  const child = spawn(command.program, command.arguments, {
    stdio: ['ignore', log, log],
    env: { ...inheritedEnvironment(), ...command.environment },
    // Its own process group: Ctrl-C reaches this process alone, which then stops everything in order.
    detached: true,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...command.user,
  });
  closeSync(log);
  let outcome: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }).then((text) => (outcome = text));
  return { child, ended, outcome: () => outcome };
}

/** Neither the options of jest nor variables meant for the tests reach a program: services refuse names they do not know. */
function inheritedEnvironment(): Record<string, string | undefined> {
  const isForOthers = (name: string): boolean => name === 'NODE_OPTIONS' || name.startsWith('TIDEMARK_');
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForOthers(name)));
}

async function end(program: RunningProgram, signal: NodeJS.Signals): Promise<void> {
  if (program.outcome() !== undefined) return;
  program.child.kill(signal);
  // A stopped (SIGSTOP) process looks at no other signal before it goes on.
  if (signal !== 'SIGKILL') program.child.kill('SIGCONT');
  const timer = setTimeout(() => program.child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await program.ended;
  clearTimeout(timer);
}

function assertAlive(name: string, program: RunningProgram): void {
  const outcome = program.outcome();
  if (outcome !== undefined) throw new Error(`${name} ended with ${outcome}`);
}

function readLogTail(file: string): string {
  if (!existsSync(file)) return '(empty)';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}

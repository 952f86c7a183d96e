import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { refuse } from "../../../diagnostics/diagnostic.ts";
import { signalGroup } from "./group.ts";
import { type ProcessSpec, execMarker, homeMarker } from "./process-spec.ts";
import { findProgram } from "./spawn.ts";

/** A command run beside a process: same environment, working directory and user, streams of its own. */
export interface ExecOptions {
  /** Without it the command reads an empty input. */
  readonly stdin?: boolean;
  /**
   * Gives the command a terminal. Node cannot make one, so the `script` program (util-linux) does; its size is fixed
   * at what the variables LINES and COLUMNS say, and output and error come as one stream.
   */
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

export interface ExecSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code; 128 plus the signal's number when a signal ended it, as shells say it. */
  readonly exit: Promise<number>;
  kill(signal?: NodeJS.Signals): void;
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** @throws DiagnosticError when the command is not found or cannot run. */
export async function execBeside(
  home: string,
  spec: ProcessSpec,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecSession> {
  const [program, ...args] = options.tty === true ? withTerminal(spec, command) : command;
  if (program === undefined || findProgram(program, spec.cwd, spec.env["PATH"]).kind !== "found") {
    refuse({
      code: "CommandNotFound",
      address: spec.id,
      message: `The command '${command[0] ?? ""}' is not found there or not executable.`,
      hint: "Give its full path.",
    });
  }
  const child = spawn(program, args, {
    cwd: spec.cwd,
    env: { ...spec.env, [homeMarker]: home, [execMarker]: spec.id },
    detached: true, // a group of its own, to be ended as a whole
    stdio: [options.stdin === true ? "pipe" : "ignore", "pipe", "pipe"],
    ...(spec.user === undefined ? {} : { uid: spec.user.uid, gid: spec.user.gid }),
  });
  const exit = exitCode(child);
  await spawned(child, spec);
  child.stdin?.on("error", () => {}); // the command stopped reading
  const kill = (signal: NodeJS.Signals = "SIGTERM"): void => void signalGroup(child.pid!, signal);
  killWhenAborted(kill, exit, options.signal);
  return { stdin: child.stdin ?? undefined, stdout: child.stdout!, stderr: child.stderr!, exit, kill };
}

function killWhenAborted(
  kill: (signal: NodeJS.Signals) => void,
  exit: Promise<number>,
  signal?: AbortSignal,
): void {
  const aborted = (): void => kill("SIGKILL");
  if (signal?.aborted === true) aborted();
  signal?.addEventListener("abort", aborted, { once: true });
  void exit.then(() => signal?.removeEventListener("abort", aborted));
}

/** `script` wants one shell word list; every argument is quoted, so nothing in it is read as shell. */
function withTerminal(spec: ProcessSpec, command: readonly string[]): readonly string[] {
  const script = findProgram("script", "/", "/usr/local/bin:/usr/bin:/bin");
  if (script.kind !== "found" || process.platform !== "linux") {
    refuse({
      code: "TerminalUnavailable",
      address: spec.id,
      message: "A terminal needs the program `script` of util-linux, which is not here.",
      hint: "Install util-linux, or run without a terminal.",
    });
  }
  return [
    script.path,
    "--quiet",
    "--return",
    "--flush",
    "--command",
    `exec ${command.map(quote).join(" ")}`,
    "/dev/null",
  ];
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function spawned(child: ChildProcess, spec: ProcessSpec): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error: NodeJS.ErrnoException) => {
      try {
        refuse({
          code: "CommandCannotStart",
          address: spec.id,
          message: `The system refused to run the command (${error.code ?? "unknown"}).`,
          hint: "Check that it is executable and that the working directory exists.",
        });
      } catch (refusal) {
        reject(refusal as Error);
      }
    });
  });
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? 128 + (signalNumbers[signal ?? ""] ?? 0)));
    child.once("error", () => resolve(126));
  });
}

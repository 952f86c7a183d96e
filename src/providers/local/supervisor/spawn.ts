import { type ChildProcess, spawn } from "node:child_process";
import {
  type Stats,
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { type ProcessSpec, groupsVariable, homeMarker, idMarker } from "./process-spec.ts";

/**
 * Starts one detached process. It has a session and group of its own, /dev/null as input and the log file itself as
 * output, so nothing of it depends on the control plane being alive. No extra process is started on the way: limits on
 * open files are set by a shell that then becomes the program. `groups`: the control groups it will be put into, which it
 * is told, so that a program that starts others at once can enter them first.
 */
export function spawnDetached(
  spec: ProcessSpec,
  home: string,
  groups: readonly string[] = [],
): ChildProcess & { readonly pid: number } {
  const program = programToStart(spec);
  if (typeof program !== "string") throw new DiagnosticError([program]);
  const fresh = !existsSync(spec.logFile);
  const log = openLog(spec);
  let started = false;
  try {
    const child = trySpawn(spec, program, home, groups, log);
    started = true;
    return child;
  } finally {
    closeSync(log);
    if (!started && fresh) unlinkSync(spec.logFile);
  }
}

function trySpawn(
  spec: ProcessSpec,
  path: string,
  home: string,
  groups: readonly string[],
  log: number,
): ChildProcess & { readonly pid: number } {
  const [program = "", ...args] = withOpenFiles(spec);
  let child: ChildProcess;
  try {
    // By its path: the copy that becomes the program need not look through PATH again.
    child = spawn(spec.limits?.openFiles === undefined ? path : program, args, {
      argv0: program,
      cwd: spec.cwd,
      env: {
        ...spec.env,
        [idMarker]: spec.id,
        [homeMarker]: home,
        ...(groups.length === 0 ? {} : { [groupsVariable]: groups.join(":") }),
      },
      detached: true,
      stdio: ["ignore", log, log],
      ...(spec.user === undefined ? {} : { uid: spec.user.uid, gid: spec.user.gid }),
    });
  } catch (error) {
    // The message may quote the environment, so only its code is passed on (I10).
    throw new DiagnosticError([failedSpawn(spec, program, (error as NodeJS.ErrnoException).code)]);
  }
  if (hasNumber(child)) return child;
  child.on("error", () => {}); // Node tells the reason one turn later; what is known now is that there is no process
  throw new DiagnosticError([failedSpawn(spec, program, undefined)]);
}

/**
 * The file of the program, or what will keep the process from starting, found before anything is made: the working
 * directory and the program. Costs a few system calls, no process.
 */
export function programToStart(
  spec: Pick<ProcessSpec, "id" | "command" | "cwd" | "env">,
): string | Diagnostic {
  const folder = statOrUndefined(spec.cwd);
  if (folder === undefined) {
    return diagnostic(
      spec,
      "WorkingDirectoryMissing",
      `The working directory ${spec.cwd} does not exist or cannot be entered.`,
      "Create it, or correct `workingDirectory`.",
    );
  }
  if (!folder.isDirectory()) {
    return diagnostic(
      spec,
      "WorkingDirectoryNotADirectory",
      `The working directory ${spec.cwd} is a file.`,
      "Name the folder that holds it.",
    );
  }
  const name = spec.command[0];
  if (name === undefined || name === "") {
    return diagnostic(
      spec,
      "CommandEmpty",
      "There is no command to run.",
      "Set `command` to the program and its arguments.",
    );
  }
  const program = findProgram(name, spec.cwd, spec.env["PATH"]);
  return program.kind === "found" ? program.path : unusableProgram(spec, name, program);
}

type ProgramLookup =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "missing" }
  | { readonly kind: "not executable" | "directory"; readonly path: string };

/** Looks a program up as execvp does: in the folders of PATH, or as a path when the name holds a slash. */
export function findProgram(name: string, cwd: string, path: string | undefined): ProgramLookup {
  const folders = name.includes("/") ? [cwd] : (path ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter);
  let unusable: ProgramLookup = { kind: "missing" };
  for (const folder of folders) {
    const file = name.includes("/") ? resolve(cwd, name) : join(resolve(cwd, folder), name);
    const found = statOrUndefined(file);
    if (found === undefined) continue;
    if (found.isDirectory()) unusable = { kind: "directory", path: file };
    else if (isExecutable(file)) return { kind: "found", path: file };
    else unusable = { kind: "not executable", path: file };
  }
  return unusable;
}

function statOrUndefined(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function unusableProgram(
  spec: Pick<ProcessSpec, "id" | "cwd">,
  name: string,
  program: Exclude<ProgramLookup, { kind: "found" }>,
): Diagnostic {
  if (program.kind === "directory") {
    return diagnostic(
      spec,
      "CommandIsADirectory",
      `The command ${program.path} is a folder.`,
      "Name a program inside it.",
    );
  }
  if (program.kind === "not executable") {
    return diagnostic(
      spec,
      "CommandNotExecutable",
      `The command ${program.path} is not executable.`,
      `Run: chmod +x ${program.path}`,
    );
  }
  const where = name.includes("/") ? `in ${spec.cwd}` : "in any folder of PATH";
  return diagnostic(
    spec,
    "CommandNotFound",
    `The command '${name}' is not found ${where}.`,
    "Install it, or correct `command`.",
  );
}

function failedSpawn(spec: ProcessSpec, program: string, code: string | undefined): Diagnostic {
  const who = spec.user === undefined ? "" : ` as user ${spec.user.uid}`;
  const why = code === undefined ? "" : ` (${code})`;
  const hint =
    code === "ERR_INVALID_ARG_VALUE"
      ? "Remove the NUL character from the command, the environment or the working directory."
      : "Check that the program is built for this machine, that the interpreter named in its first line exists, that the user may run it and enter the folder, that arguments and environment are not too long, and that the limit on processes is not reached.";
  return diagnostic(
    spec,
    "CommandCannotStart",
    `The system refused to run ${program}${who} in ${spec.cwd}${why}.`,
    hint,
  );
}

function withOpenFiles(spec: ProcessSpec): readonly string[] {
  const openFiles = spec.limits?.openFiles;
  if (openFiles === undefined) return spec.command;
  return ["/bin/sh", "-c", `ulimit -n ${Math.floor(openFiles)} && exec "$@"`, "sh", ...spec.command];
}

function openLog(spec: ProcessSpec): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
  try {
    return openSync(spec.logFile, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unwritableLog(spec, error as Error);
  }
  try {
    mkdirSync(dirname(spec.logFile), { recursive: true, mode: 0o700 });
    return openSync(spec.logFile, flags, 0o600);
  } catch (error) {
    throw unwritableLog(spec, error as Error);
  }
}

function unwritableLog(spec: ProcessSpec, error: Error): DiagnosticError {
  return new DiagnosticError([
    diagnostic(
      spec,
      "LogFileNotWritable",
      `The log file cannot be written: ${error.message}.`,
      "Check the folder's permissions and that the disk is not full.",
    ),
  ]);
}

function diagnostic(spec: Pick<ProcessSpec, "id">, code: string, message: string, hint: string): Diagnostic {
  return { severity: "error", code, address: spec.id, message, hint };
}

function hasNumber(child: ChildProcess): child is ChildProcess & { readonly pid: number } {
  return child.pid !== undefined;
}

/**
 * Steps that drive a tool of this machine: a shell script around it, run as any program of a step (execution.ts), with files
 * of its own in a scratch folder that goes when it is over. The files may hold secrets: only their owner reads them.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Keyring } from "../../model/sealed.ts";
import type { Exit, LogLine } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { type Attempt, TaskError } from "../engine/step-type.ts";
import { type Executions, killed } from "./execution.ts";
import { programIdentity, programSpec, programVariables } from "./program.ts";
import type { ReadSecret, StepSecrets } from "./secrets.ts";

export interface ToolOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly executions: Executions;
  readonly readSecret: ReadSecret;
  /** Absolute folder for what tools keep and leave; made when needed. */
  readonly scratch: string;
}

export interface ToolRun {
  /** For messages, and looked for before anything is done: `terraform`. */
  readonly tool: string;
  /** Of the shell, which has `$SCRATCH`, and stops at the first command that fails. */
  readonly script: string;
  readonly directory: string;
  /** Texts of which may hold secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files of the scratch folder, opened. */
  readonly files: Readonly<Record<string, string>>;
  readonly grace: string;
  readonly onLine: (line: LogLine & { readonly stream: "stdout" | "stderr" }) => void;
  /** Read from the scratch folder, before it goes, when the tool came to its end. */
  readonly result?: string;
}

export interface ToolEnd {
  readonly code: number;
  /** What the file `result` held; absent when there is none. */
  readonly result?: string;
}

const MISSING = 127;

/** Rejects with TaskError when it was killed, lost, or is not installed. */
export async function runTool(
  run: ToolRun,
  attempt: Attempt,
  secrets: StepSecrets,
  { executions, keyring, scratch }: ToolOptions,
): Promise<ToolEnd> {
  const identity = programIdentity(attempt);
  const folder = join(scratch, identity.namespace, identity.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(run.files))
    await writeFile(join(folder, name), content, { mode: 0o600 });
  const environment = secrets.seal(run.environment, (text) => keyring.seal(text));
  let result: string | undefined;
  let exit: Exit;
  try {
    exit = await executions.complete({
      identity,
      placement: { class: "process", location: "local" },
      signal: attempt.signal,
      spec: programSpec(identity, {
        command: ["/bin/sh", "-ec", `command -v ${run.tool} >/dev/null || exit ${MISSING}\n${run.script}`],
        workingDirectory: run.directory,
        folder: "/",
        env: { ...programVariables(attempt), SCRATCH: folder, ...environment },
        resources: {},
        grace: run.grace,
        once: {},
      }),
      note: (text) => attempt.log(secrets.redact(text), "stderr"),
      onLine: (line) => {
        attempt.heartbeat();
        run.onLine({ ...line, text: secrets.redact(line.text), stream: line.stream ?? "stdout" });
      },
      collect: async () => {
        if (run.result !== undefined)
          result = await readFile(join(folder, run.result), "utf8").catch(() => undefined);
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const failure = killed(exit);
  if (failure !== undefined) throw failure;
  if (exit.code === MISSING)
    throw new TaskError("ToolMissing", `There is no ${run.tool} on this machine. Install it.`, {
      terminal: true,
    });
  return { code: exit.code ?? 0, ...(result === undefined ? {} : { result }) };
}

/** A word of a shell script. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

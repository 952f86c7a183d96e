/**
 * `run`: a program, as a process or in a container, to its end (workflow/step/execution.ts).
 *
 * | how it ends                                      | outcome                                              |
 * |--------------------------------------------------|------------------------------------------------------|
 * | exit code 0, or one of `exitCodes.success`       | its result                                           |
 * | any other; `exitCodes.terminal`                  | ExitCode, Retryable; Terminal                        |
 * | killed by its memory limit                       | OutOfMemory, Retryable                               |
 * | killed by somebody else, its machine gone        | InfraLost                                            |
 * | by a signal of its own doing (SIGSEGV)           | ExitSignal, Retryable                                |
 * | it cannot be started: no such program, no image  | Terminal, as the engine calls it                     |
 * | its output is no JSON, or too long               | InvalidOutput, OutputTooLarge, Terminal              |
 *
 * Secrets are sealed in what it is started with, and opened by the engine that starts it; what comes back is without them.
 */
import type { Keyring } from "../model/sealed.ts";
import type { Exit, InstanceSpec, LogLine } from "../provider/provider.ts";
import type { Placement } from "../provider/placement.ts";
import type { Store } from "../store/store.ts";
import type { RunStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { type Execution, type Executions, type LeftFiles, killed } from "../workflow/step/execution.ts";
import { workflowFolder } from "../workflow/step/folder.ts";
import { programIdentity, programSpec, programVariables } from "../workflow/step/program.ts";
import { type ReadSecret, StepSecrets } from "../workflow/step/secrets.ts";

export interface RunStepOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly executions: Executions;
  readonly readSecret: ReadSecret;
}

export interface RunResult {
  readonly exitCode: number;
  readonly output: unknown;
  readonly files: Readonly<Record<string, unknown>>;
}

/** Of standard output, where it is the result; and of each file. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Of variables, which the system limits to 128 KiB each. */
const LONGEST_VARIABLE = 64 * 1024;
/** Lines of standard error that the failure quotes. */
const QUOTED = 10;

export function runSteps(options: RunStepOptions): StepType {
  return { execute: (attempt) => run(attempt, options) };
}

async function run(attempt: Attempt, options: RunStepOptions): Promise<RunResult> {
  const step = stepOf(attempt, "run");
  const secrets = new StepSecrets(namespaceOf(attempt), options.readSecret);
  const output = new Captured(step.output ?? "none");
  const files: Record<string, unknown> = {};
  const exit = await options.executions.complete({
    ...executionOf(step, attempt, secrets, options),
    onLine: (line) => {
      const text = secrets.redact(line.text);
      attempt.log(text, line.stream ?? "stdout");
      attempt.heartbeat();
      output.take({ ...line, text });
    },
    collect: async (end, left) => {
      if (killed(end) === undefined && isSuccess(step, end.code))
        Object.assign(files, secrets.redactAll(await filesOf(step, left)));
    },
  });
  const failure = failureOf(step, exit, output);
  if (failure !== undefined) throw failure;
  return { exitCode: exit.code ?? 0, output: output.value(), files };
}

function executionOf(
  step: RunStep,
  attempt: Attempt,
  secrets: StepSecrets,
  { store, keyring }: RunStepOptions,
): Omit<Execution, "onLine"> {
  const seal = (text: string): string => keyring.seal(text);
  const identity = programIdentity(attempt);
  const input = inputText(secrets.open(step.input));
  const sealedInput = isSecretIn(step.input, secrets) ? seal(input) : input;
  const environment = secrets.seal(step.environment ?? {}, seal);
  const spec = programSpec(identity, {
    ...settingsOf(step),
    workingDirectory: step.directory ?? ".",
    folder: workflowFolder(attempt, store) ?? "/",
    env: {
      ...environment,
      ...programVariables(attempt),
      ...(input.length > LONGEST_VARIABLE ? {} : { TUTTI_INPUT: sealedInput }),
    },
    volumes: (step.volumes ?? []).map((mount) => ({ ...mount, ...sourceOf(mount.volume, attempt, store) })),
    resources: step.resources ?? {},
    grace: step.grace ?? "10s",
    once: { input: sealedInput },
  });
  return {
    identity,
    spec,
    placement: placementOf(step),
    signal: attempt.signal,
    note: (text) => attempt.log(secrets.redact(text), "stderr"),
  };
}

function settingsOf({ command, networks, image, user }: RunStep): Partial<InstanceSpec["run"]> {
  return {
    ...(command.length === 0 ? {} : { command }),
    ...(networks === undefined ? {} : { networks }),
    ...(image === undefined ? {} : { image }),
    ...(user === undefined ? {} : { user }),
  };
}

/** What else it needs says which class `auto` is. */
function placementOf({ class: name = "auto", location = "local", image, user }: RunStep): Placement {
  const needs = { ...(image === undefined ? {} : { image }), ...(user === undefined ? {} : { user }) };
  return { class: name, location, ...needs };
}

function inputText(input: unknown): string {
  if (input === undefined) return "";
  return typeof input === "string" ? input : JSON.stringify(input);
}

/** Opening gives another value only where there is a secret. */
function isSecretIn(input: unknown, secrets: StepSecrets): boolean {
  let found = false;
  secrets.seal(input, () => ((found = true), ""));
  return found;
}

function sourceOf(
  volume: string,
  attempt: Attempt,
  store: Store,
): { readonly source?: { readonly path?: string; readonly volume?: string } } {
  const found = store.get({ kind: "Volume", namespace: namespaceOf(attempt), name: volume });
  if (found === undefined)
    throw new TaskError("UnknownVolume", `There is no Volume '${volume}' in this namespace.`, {
      terminal: true,
    });
  const { path, volume: name } = (found.status ?? {}) as { readonly path?: string; readonly volume?: string };
  if (path === undefined && name === undefined) return {};
  return {
    source: { ...(path === undefined ? {} : { path }), ...(name === undefined ? {} : { volume: name }) },
  };
}

function isSuccess({ exitCodes }: RunStep, code: number | null): boolean {
  return code === 0 || (code !== null && exitCodes?.success?.includes(code) === true);
}

function failureOf(step: RunStep, exit: Exit, output: Captured): TaskError | undefined {
  if (exit.code !== null && namesCode(step, exit.code)) return codeFailure(step, exit.code, output);
  return (
    killed(exit) ?? (isSuccess(step, exit.code) ? undefined : codeFailure(step, exit.code ?? -1, output))
  );
}

function namesCode({ exitCodes }: RunStep, code: number): boolean {
  return [...(exitCodes?.retryable ?? []), ...(exitCodes?.terminal ?? [])].includes(code);
}

function codeFailure({ exitCodes }: RunStep, code: number, { lastErrors }: Captured): TaskError {
  const said = lastErrors.length === 0 ? "." : `: ${lastErrors.join("\n")}`;
  return new TaskError("ExitCode", `It exited with code ${code}${said}`, {
    terminal: exitCodes?.terminal?.includes(code) === true,
    details: { exitCode: code },
  });
}

async function filesOf({ files = {} }: RunStep, left: LeftFiles): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, { path, format = "text" }] of Object.entries(files)) {
    const bytes = await left(path, MOST_BYTES);
    if (bytes === undefined)
      throw new TaskError("MissingFile", `It left no file '${path}'.`, { terminal: true });
    const text = Buffer.from(bytes).toString("utf8");
    found[name] = format === "json" ? parsed(text, `The file '${path}'`) : text;
  }
  return found;
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new TaskError("InvalidOutput", `${what} is not JSON.`, { terminal: true });
  }
}

/** What of its output becomes the result, and its last errors for a failure. */
class Captured {
  readonly #as: NonNullable<RunStep["output"]>;
  readonly #parts: string[] = [];
  readonly lastErrors: string[] = [];
  #bytes = 0;
  #isLineOpen = false;

  constructor(as: NonNullable<RunStep["output"]>) {
    this.#as = as;
  }

  take({ stream = "stdout", text, isPartial }: LogLine): void {
    if (stream === "stderr") {
      if (this.lastErrors.push(text) > QUOTED) this.lastErrors.shift();
      return;
    }
    if (this.#as === "none") return;
    this.#bytes += text.length + 1;
    if (this.#bytes > MOST_BYTES) return;
    if (this.#isLineOpen) this.#parts.push((this.#parts.pop() ?? "") + text);
    else this.#parts.push(text);
    this.#isLineOpen = isPartial === true;
  }

  value(): unknown {
    if (this.#bytes > MOST_BYTES)
      throw new TaskError(
        "OutputTooLarge",
        `It printed more than the ${MOST_BYTES} bytes that a result may have. Write it into a file, and give its place.`,
        { terminal: true },
      );
    switch (this.#as) {
      case "none":
        return null;
      case "lines":
        return this.#parts;
      case "text":
        return this.#parts.join("\n");
      case "json":
        return parsed(this.#parts.join("\n"), "What it printed");
    }
  }
}

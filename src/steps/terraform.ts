/**
 * `terraform`: drives the installed `terraform`.
 *
 *     init (backend) ──▶ workspace ──▶ plan -out ──▶ apply of exactly that plan
 *                                  └──▶ output
 *
 *  - A plan step keeps its plan, `plan.file` of its result, for an apply step behind an approval (`plan`); the tool itself
 *    refuses it when the state has moved since.
 *  - Values of variables and of the backend go by files that only their owner reads: never by a command line.
 *  - Outputs that are sensitive are in no result, log or journal: only that there are such.
 *  - Downloaded providers and modules are kept for each directory, workspace and backend; one step at a time makes them ready.
 *  - Plans of a run lie in a folder of its own, which goes when the run has ended.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { TerraformStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf, tryIdentity } from "../workflow/step/attempt.ts";
import { pathIn } from "../workflow/step/folder.ts";
import { RunFiles } from "../workflow/step/run-files.ts";
import { StepSecrets } from "../workflow/step/secrets.ts";
import { type ToolOptions, quoted, runTool } from "../workflow/step/tool.ts";
import { Turns } from "../workflow/step/turns.ts";

export interface TerraformResult {
  readonly outputs: Readonly<Record<string, TerraformOutput>>;
  readonly plan: TerraformPlan;
}

export interface TerraformOutput {
  /** As Terraform writes types in JSON: `"string"`, `["list", "string"]`. */
  readonly type?: unknown;
  /** Absent when it is sensitive, or not known before it is applied. */
  readonly value?: unknown;
  readonly sensitive: boolean;
}

export interface TerraformPlan {
  readonly add: number;
  readonly change: number;
  readonly remove: number;
  readonly import: number;
  /** What is done to which resource, the first thousand. */
  readonly resources: readonly { readonly address: string; readonly action: string }[];
  /** Of a plan that is not applied yet. */
  readonly file?: string;
}

const MOST_RESOURCES = 1_000;
/** What the script says once another may make the directory ready. */
const INITIALISED = "tutti:initialised";
/** Lines of problems that a failure quotes. */
const QUOTED = 10;

export function terraformSteps(options: ToolOptions): StepType {
  const keeping = { plans: new RunFiles(join(options.scratch, "plans"), options.store), turns: new Turns() };
  return { execute: (attempt) => drive(attempt, options, keeping) };
}

interface Keeping {
  readonly plans: RunFiles;
  /** Of directories that are made ready. */
  readonly turns: Turns;
}

async function drive(
  attempt: Attempt,
  options: ToolOptions,
  { plans, turns }: Keeping,
): Promise<TerraformResult> {
  const secrets = new StepSecrets(namespaceOf(attempt), options.readSecret);
  const step = stepOf(attempt, "terraform");
  const directory = pathIn(step.directory, attempt, options.store);
  const backend = secrets.open(step.backend ?? {});
  const told = new Told();
  const file = plans.path(attempt, `${tryIdentity(attempt)}.tfplan`);
  const endTurn = await turns.take(directory, attempt.signal);
  const running = runTool(
    {
      tool: "terraform",
      script: scriptOf(step, file),
      directory,
      environment: {
        ...step.environment,
        TF_IN_AUTOMATION: "1",
        TF_INPUT: "0",
        CHECKPOINT_DISABLE: "1",
        TF_DATA_DIR: join(options.scratch, "terraform", keyOf(directory, step, backend)),
      },
      files: {
        "backend.tfbackend": settings(backend),
        "variables.tfvars.json": JSON.stringify(secrets.open(step.variables ?? {})),
      },
      grace: step.grace ?? "60s",
      onLine: ({ text, stream }) => {
        if (text === INITIALISED) return endTurn();
        const line = told.take(text, stream);
        if (line !== undefined) attempt.log(line, stream);
      },
      result: "outputs.json",
    },
    attempt,
    secrets,
    options,
  );
  const { code, result } = await running.finally(endTurn);
  if (code !== 0) throw told.failure(code);
  return secrets.redactAll({
    outputs: { ...told.outputs, ...(result === undefined ? {} : withoutSensitive(JSON.parse(result))) },
    plan: { ...told.plan, ...(step.action === "plan" ? { file } : {}) },
  }) as TerraformResult;
}

function scriptOf(step: TerraformStep, file: string): string {
  const { action, workspace, lockTimeout = "5m", plan, backend } = step;
  const common = `-input=false -no-color`;
  const lines = [
    `mkdir -p "$TF_DATA_DIR" ${quoted(join(file, ".."))}`,
    `terraform init ${common} -reconfigure${backend === undefined ? "" : ' -backend-config="$SCRATCH/backend.tfbackend"'} >&2`,
    ...(workspace === undefined ? [] : [`terraform workspace select -or-create ${quoted(workspace)} >&2`]),
    `echo ${INITIALISED} >&2`,
  ];
  const lock = `-json -lock-timeout=${quoted(lockTimeout)}`;
  const variables = '-var-file="$SCRATCH/variables.tfvars.json"';
  const planned = `terraform plan ${common} ${variables} ${lock}${action === "destroy" ? " -destroy" : ""} -out=`;
  switch (action) {
    case "plan":
      lines.push(`umask 077; ${planned}${quoted(file)}`);
      break;
    case "output":
      lines.push(`umask 077; terraform output -no-color -json >"$SCRATCH/outputs.json"`);
      break;
    default:
      if (plan === undefined) lines.push(`umask 077; ${planned}"$SCRATCH/plan.tfplan"; umask 022`);
      lines.push(
        `terraform apply ${common} ${lock} ${plan === undefined ? '"$SCRATCH/plan.tfplan"' : quoted(plan)}`,
      );
  }
  return lines.join("\n");
}

/** JSON is an expression, but for its texts, in which nothing is to be worked out. */
function expression(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[$%]\{/g, (mark) => `${mark[0] ?? ""}${mark}`);
}

function settings(backend: Readonly<Record<string, string>>): string {
  return Object.entries(backend)
    .map(([name, value]) => `${name} = ${expression(value)}\n`)
    .join("");
}

function keyOf(directory: string, { workspace = "" }: TerraformStep, backend: object): string {
  return createHash("sha256")
    .update(JSON.stringify([directory, workspace, backend]))
    .digest("hex")
    .slice(0, 24);
}

function withoutSensitive(outputs: unknown): Record<string, TerraformOutput> {
  const all = (outputs ?? {}) as Readonly<
    Record<string, { readonly type?: unknown; readonly value?: unknown; readonly sensitive?: boolean }>
  >;
  return Object.fromEntries(
    Object.entries(all).map(([name, { type, value, sensitive = false }]) => [
      name,
      {
        ...(type === undefined ? {} : { type }),
        ...(sensitive || value === undefined ? {} : { value }),
        sensitive,
      },
    ]),
  );
}

interface Message {
  readonly type?: string;
  readonly "@message"?: string;
  readonly "@level"?: string;
  readonly outputs?: unknown;
  readonly changes?: {
    readonly add: number;
    readonly change: number;
    readonly remove: number;
    readonly import?: number;
    readonly operation: string;
  };
  readonly change?: { readonly resource: { readonly addr: string }; readonly action: string };
  readonly diagnostic?: { readonly summary: string; readonly detail: string };
}

/** What it says of itself, a message a line ("Machine-Readable UI"). */
class Told {
  outputs: Readonly<Record<string, TerraformOutput>> = {};
  plan: TerraformPlan = { add: 0, change: 0, remove: 0, import: 0, resources: [] };
  readonly #problems: string[] = [];

  /** The line for people; undefined when there is nothing to say. */
  take(text: string, stream: "stdout" | "stderr"): string | undefined {
    const message = stream === "stdout" ? messageIn(text) : undefined;
    if (message === undefined) {
      if (stream === "stderr") this.#problem(text);
      return text;
    }
    if (message.type === "outputs") this.outputs = withoutSensitive(message.outputs);
    this.#count(message);
    if (message["@level"] === "error") {
      const { diagnostic, "@message": said = "" } = message;
      this.#problems.length = 0; // what init said before is no reason
      this.#problem(diagnostic === undefined ? said : `${diagnostic.summary}: ${diagnostic.detail}`);
    }
    return message["@message"];
  }

  #count({ type, change, changes }: Message): void {
    const { resources } = this.plan;
    if (type === "planned_change" && change !== undefined && resources.length < MOST_RESOURCES) {
      const planned = { address: change.resource.addr, action: change.action };
      this.plan = { ...this.plan, resources: [...resources, planned] };
    }
    if (type !== "change_summary" || changes === undefined) return;
    const { add, change: changed, remove, import: imported = 0 } = changes;
    // It is told in whatever order they were planned; the same plan is to read the same.
    const sorted = [...resources].sort((one, other) =>
      one.address.localeCompare(other.address, "en", { numeric: true }),
    );
    this.plan = { add, change: changed, remove, import: imported, resources: sorted };
  }

  failure(code: number): TaskError {
    const said = this.#problems.join("\n");
    if (/acquiring the state lock/i.test(said))
      return new TaskError("StateLocked", `Somebody else holds the lock of the state: ${said}`);
    if (/saved plan is stale/i.test(said))
      return new TaskError("StalePlan", `The state has moved since the plan was made: ${said}`, {
        terminal: true,
      });
    return new TaskError("TerraformFailed", `terraform exited with code ${code}: ${said}`, {
      details: { exitCode: code },
    });
  }

  #problem(text: string): void {
    if (text.trim() === "") return;
    if (this.#problems.push(text) > QUOTED) this.#problems.shift();
  }
}

function messageIn(text: string): Message | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Message;
  } catch {
    return undefined;
  }
}

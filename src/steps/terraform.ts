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
import {
  TERRAFORM_ENVIRONMENT,
  type TerraformFailure,
  type TerraformOutput,
  type TerraformPlan,
  TerraformSaid,
  backendSettings,
  withoutSensitive,
} from "../tools/terraform.ts";
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

/** What the script says once another may make the directory ready. */
const INITIALISED = "tutti:initialised";

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
  const told = new TerraformSaid();
  const file = plans.path(attempt, `${tryIdentity(attempt)}.tfplan`);
  const endTurn = await turns.take(directory, attempt.signal);
  const running = runTool(
    {
      tool: "terraform",
      script: scriptOf(step, file),
      directory,
      environment: {
        ...step.environment,
        ...TERRAFORM_ENVIRONMENT,
        TF_DATA_DIR: join(options.scratch, "terraform", keyOf(directory, step, backend)),
      },
      files: {
        "backend.tfbackend": backendSettings(backend),
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
  if (code !== 0) throw taskError(told.failure(code), code);
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

function keyOf(directory: string, { workspace = "" }: TerraformStep, backend: object): string {
  return createHash("sha256")
    .update(JSON.stringify([directory, workspace, backend]))
    .digest("hex")
    .slice(0, 24);
}

function taskError({ is, message }: TerraformFailure, exitCode: number): TaskError {
  switch (is) {
    case "locked":
      return new TaskError("StateLocked", message);
    case "stale":
      return new TaskError("StalePlan", message, { terminal: true });
    default:
      return new TaskError("TerraformFailed", message, { details: { exitCode } });
  }
}

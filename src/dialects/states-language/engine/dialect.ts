/** The States Language as a dialect of workflows: `program: { dialect: states-language, definition }`. */
import { createHash } from "node:crypto";
import { failed } from "../../../workflow/run/events.ts";
import { StepFailure, Stopped } from "../../../workflow/engine/failures.ts";
import type { Dialect, Program, Stage } from "../../../workflow/engine/program.ts";
import type { Json } from "../../../model/resource.ts";
import type { StateMachine } from "../definition.ts";
import type { Execution, Identity } from "../execution.ts";
import { pathOf } from "../validation/problems.ts";
import { validateDefinition } from "../validation/validate.ts";
import { Drive, type DriveOptions } from "./drive.ts";
import { type Integrations, integrations as service } from "./integrations.ts";
import { executionOf } from "./names.ts";

export const DIALECT = "states-language";

export const statesLanguage: Dialect = dialectWith(service);

/** `integrations`: who does what states ask for. */
export function dialectWith(integrations: Integrations): Dialect {
  return {
    name: DIALECT,
    check: (definition) =>
      validateDefinition(definition as Json)
        .filter(({ severity }) => severity === "error")
        .map(({ path = "", code, message }) => ({ path: pathOf(path), code, message })),
    program: (definition) => programOf(definition as StateMachine, integrations),
  };
}

function programOf(machine: StateMachine, integrations: Integrations): Program {
  return {
    run: async (stage) => verdict(await new Drive(stage, driveOptions(stage, machine, integrations)).run()),
  };
}

/** What depends on nothing but the run. */
export function driveOptions(
  stage: Pick<Stage, "run" | "workflow" | "startedAt">,
  machine: StateMachine,
  integrations: Integrations = service,
): DriveOptions {
  const seed = createHash("sha256").update(stage.run).digest().readUInt32BE(0);
  return { machine, integrations, identity: identityOf(stage), seed };
}

function identityOf({ run, workflow, startedAt }: Pick<Stage, "run" | "workflow" | "startedAt">): Identity {
  const { arn, name, machineArn, machineName } = executionOf(run, workflow);
  const roleArn = "arn:aws:iam::000000000000:role/tutti";
  return { id: arn, name, roleArn, machineId: machineArn, machineName, startedAt };
}

/** The run's output, or how it ended. The failure's name and message are the execution's error and cause. */
function verdict({ status, output, error, cause }: Execution): unknown {
  if (status === "SUCCEEDED") return output ?? null;
  if (status === "FAILED") throw new StepFailure(failed("Terminal", error ?? "", cause ?? ""));
  if (status === "TIMED_OUT") throw new StepFailure(failed("Timeout", "States.Timeout", cause ?? ""));
  throw new Stopped();
}

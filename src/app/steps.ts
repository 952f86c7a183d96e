/** Which types of step there are, and what each is given. Functions are done by workers, and are not among them. */
import { join } from "node:path";
import type { Clock } from "../clock/clock.ts";
import { kindOfRoot } from "../kinds/registry.ts";
import type { Keyring } from "../model/sealed.ts";
import { ansibleSteps } from "../steps/ansible.ts";
import { applySteps } from "../steps/apply.ts";
import { approvalSteps } from "../steps/approval.ts";
import { httpSteps } from "../steps/http.ts";
import { itemSteps } from "../steps/items.ts";
import { resourceSteps } from "../steps/resource.ts";
import { runSteps } from "../steps/run.ts";
import { scaleSteps } from "../steps/scale.ts";
import { terraformSteps } from "../steps/terraform.ts";
import { waitSteps } from "../steps/wait.ts";
import { workflowSteps } from "../steps/workflow.ts";
import type { InstanceEngines } from "../provider/placement.ts";
import type { Store } from "../store/store.ts";
import type { StepTypes } from "../workflow/engine/step-type.ts";
import { Executions } from "../workflow/step/execution.ts";
import type { ReadSecret } from "../workflow/step/secrets.ts";
import { endStrays } from "../workflow/step/strays.ts";
import type { ControlPlane } from "./control-plane.ts";
import { admitFor } from "./admit-resource.ts";
import { readSecret } from "./controllers.ts";
import { withArgo } from "./argo.ts";
import { fileDialects } from "./file-dialects.ts";

export interface StepParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** Absolute folder for what steps keep and leave; made when needed. */
  readonly folder: string;
  /** Where processes and containers run. */
  readonly engines: InstanceEngines;
  /** What is asked before a plan is carried out. */
  readonly plans: Pick<ControlPlane, "pins" | "capabilities" | "preflight" | "foresee" | "checkPlacement">;
  /** Of the engine that the steps are for, which is opened with them: asked only while steps are done. */
  readonly runs: {
    /** `run`: `NAMESPACE/NAME`. */
    readonly outputOf: (run: string) => Promise<unknown>;
    readonly cancel: (run: string, reason: string) => Promise<void>;
  };
}

export function stepTypes({ store, clock, keyring, folder, engines, plans, runs }: StepParts): StepTypes {
  const secrets: ReadSecret = (namespace, name, root) =>
    root === "secret"
      ? readSecret(store, keyring, namespace, name)
      : (keyring.openAll(
          store.get({ kind: kindOfRoot(root)?.kind ?? root, namespace, name }) as object | undefined,
        ) as ReturnType<ReadSecret>);
  const executions = new Executions({ engines, clock, keyring });
  void endStrays({ store, engines, clock, keyring, isTaken: (uid) => executions.has(uid) });
  const driving = { store, keyring, executions, readSecret: secrets };
  return {
    run: withArgo({ store, clock, keyring, folder: join(folder, "argo") }, runSteps(driving)),
    terraform: terraformSteps({ ...driving, scratch: folder }),
    ansible: ansibleSteps({ ...driving, scratch: folder }),
    items: itemSteps({ store }),
    wait: waitSteps({ store }),
    scale: scaleSteps({ store }),
    apply: applySteps({
      store,
      keyring,
      pins: plans.pins,
      capabilities: plans.capabilities,
      preflight: plans.preflight,
      foresee: plans.foresee,
      load: async (path, values) =>
        (await import("../sdk/load.ts")).load(path, { values, env: {}, dialects: fileDialects }),
    }),
    resource: resourceSteps({
      store,
      admit: admitFor({ store, keyring, checkPlacement: plans.checkPlacement }),
    }),
    approval: approvalSteps({ store }),
    http: httpSteps({ readSecret: secrets, clock }),
    workflow: workflowSteps({ store, ...runs }),
  };
}

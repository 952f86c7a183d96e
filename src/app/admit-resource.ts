/** Admission of what a step makes: the same as of what the API is asked to make. */
import { randomBytes } from "node:crypto";
import { admitResource } from "../api/admission.ts";
import { mergePatch } from "../model/merge-patch.ts";
import { presented } from "../api/present.ts";
import { StatusError } from "../api/status-error.ts";
import { type Keyring, containsSealed } from "../model/sealed.ts";
import { isSecret } from "../planner/secrets.ts";
import type { Snapshot } from "../store/store.ts";
import type { ResourceStepOptions } from "../steps/resource.ts";
import { TaskError } from "../workflow/engine/step-type.ts";
import { checkDeclared, checkRun, prepareCheck } from "./check-declared.ts";
import type { ControlPlane } from "./control-plane.ts";

export interface AdmitParts {
  readonly store: Pick<Snapshot, "get">;
  readonly keyring: Keyring;
  readonly checkPlacement: ControlPlane["checkPlacement"];
}

export function admitFor({ store, keyring, checkPlacement }: AdmitParts): ResourceStepOptions["admit"] {
  return async (kind, manifest, { namespace, current }) => {
    if (containsSealed(manifest))
      throw new TaskError(
        "SealedValue",
        "A value is in the form in which the control plane stores secrets.",
        {
          terminal: true,
        },
      );
    const whole =
      current === undefined
        ? manifest
        : (mergePatch(
            isSecret(current) ? presented(current, keyring) : current,
            manifest,
          ) as typeof manifest);
    await prepareCheck(whole["spec"]);
    try {
      return admitResource(whole, {
        kind,
        namespace,
        current,
        keyring,
        random: randomBytes,
        lenient: false,
        // Merged into what is stored, it holds what is sealed there.
        fromStored: current !== undefined,
        checkPlacement,
        checkRules: (resource) => [...checkDeclared(resource), ...checkRun(resource, store)],
      });
    } catch (error) {
      if (error instanceof StatusError) throw new TaskError(error.reason, error.message, { terminal: true });
      throw error;
    }
  };
}

/** What programs of steps are: who they are found as, and what they are told. */
import type { Identity, InstanceSpec } from "../../provider/provider.ts";
import type { Attempt } from "../engine/step-type.ts";
import { namespaceOf, runNameOf, tryIdentity } from "./attempt.ts";

export function programIdentity(attempt: Attempt): Identity {
  const uid = tryIdentity(attempt);
  const name = `${runNameOf(attempt).slice(0, 100)}-${uid}`;
  return { kind: "Step", namespace: namespaceOf(attempt), name, uid };
}

export function programVariables(attempt: Attempt): Record<string, string> {
  return {
    TUTTI_RUN: attempt.run,
    TUTTI_STEP: attempt.path,
    TUTTI_ATTEMPT: String(attempt.attempt),
    TUTTI_IDEMPOTENCY_KEY: attempt.idempotencyKey,
  };
}

export function programSpec(
  identity: Identity,
  run: Omit<InstanceSpec["run"], "ports" | "stop" | "volumes"> &
    Partial<Pick<InstanceSpec["run"], "volumes">> & { readonly grace: string },
): InstanceSpec {
  const { grace, volumes = [], ...rest } = run;
  return {
    service: identity.name,
    template: "step",
    ports: {},
    run: { ...rest, volumes, ports: [], stop: { signal: "SIGTERM", grace, drain: "0s" } },
  };
}

/** The Receivers there are, with their secrets opened: for whoever tells them, and for nobody else (I10). */
import type { Resolver } from "../../controller/resolve.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Resource } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import { problemOfRecipient } from "./check-receivers.ts";
import { type Problem, meant } from "./monitors.ts";
import type { Recipient, ReceiverSpec } from "./routing.ts";

export interface Verdict {
  readonly resource: Resource;
  readonly problem: Problem | undefined;
}

export function recipientsOf(
  store: Pick<Snapshot, "list">,
  resolver: Resolver,
): { readonly recipients: readonly Recipient[]; readonly verdicts: readonly Verdict[] } {
  const recipients: Recipient[] = [];
  const verdicts: Verdict[] = [];
  for (const resource of store.list({ kind: "Receiver" }).items) {
    if (resource.metadata.deletionTimestamp !== undefined) continue;
    const { namespace = "default", name } = resource.metadata;
    const found = opened(resource, resolver);
    const recipient = "spec" in found ? { namespace, name, spec: found.spec } : undefined;
    const problem = recipient === undefined ? undefined : problemOfRecipient(recipient);
    verdicts.push({ resource, problem: "problem" in found ? found.problem : problem });
    // One that cannot be told anything must not keep the others from being told.
    if (recipient !== undefined && problem === undefined) recipients.push(recipient);
  }
  return { recipients, verdicts };
}

function opened(
  resource: Resource,
  resolver: Resolver,
): { readonly spec: ReceiverSpec } | { readonly problem: Problem } {
  const found = meant<ReceiverSpec>(resource, resolver);
  if ("problem" in found) return found;
  try {
    return { spec: resolver.keyring.openAll(found.spec) };
  } catch (error) {
    // Sealed with a key that is not ours.
    if (error instanceof DiagnosticError || error instanceof TerminalError)
      return { problem: { reason: "SealedWithAnotherKey", message: error.message } };
    throw error;
  }
}

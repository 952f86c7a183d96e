/** Runs of workflows that are told of alerts: one for each message. */
import { randomBytes } from "node:crypto";
import { runDraft } from "../controller/runs.ts";
import type { Store } from "../store/store.ts";

/** Gives why it never will, or nothing when the Run is made. `workflow`: `NAME` or `NAMESPACE/NAME`. */
export async function startForAlert(
  store: Store,
  workflow: string,
  notification: { readonly receiver: string; readonly status: string },
  input: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const parts = workflow.split("/");
  const [namespace = "default", name = ""] = parts.length === 1 ? ["default", ...parts] : parts;
  if (store.get({ kind: "Workflow", namespace, name }) === undefined) return `There is no workflow/${name}.`;
  const resource = runDraft(`${name.slice(0, 200)}-alert-${randomBytes(4).toString("hex")}`, namespace, {
    workflow: name,
    parameters: { ...input, notification },
    cause: { type: "receiver", name: notification.receiver },
  });
  await store.commit([{ type: "create", resource }], {
    actor: `receiver:${notification.receiver}`,
    action: `alerts are ${notification.status}`,
  });
  return undefined;
}

import { TerminalError } from "../../../provider/provider.ts";
import type { WorkflowIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type Notification } from "../integration.ts";
import { type WebhookPayload, webhookPayload } from "../notification.ts";

/**
 * Starts a run of a workflow, `NAME` or `NAMESPACE/NAME`. Throws a TerminalError when it never will, and another error when it
 * may later.
 */
export type RunWorkflow = (
  name: string,
  payload: WebhookPayload,
  input: Readonly<Record<string, unknown>>,
) => Promise<void>;

/** Delivered once the run is made; how it goes is the run's own story. */
export async function deliverToWorkflow(
  { options }: WorkflowIntegration,
  notification: Notification,
  run: RunWorkflow,
): Promise<void> {
  try {
    await run(options.workflow, webhookPayload(notification), options.input);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DeliveryError(`Workflow ${options.workflow} was not started: ${why}`, {
      isTemporary: !(error instanceof TerminalError),
    });
  }
}

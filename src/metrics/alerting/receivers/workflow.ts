import { TerminalError } from "../../../provider/provider.ts";
import type { WorkflowIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type Notification } from "../integration.ts";
import { type WebhookPayload, webhookPayload } from "../notification.ts";

/** Starts a run of a workflow. Throws a TerminalError when it never will, and another error when it may later. */
export type RunWorkflow = (name: string, payload: WebhookPayload) => Promise<void>;

/** Delivered once the run is made; how it goes is the run's own story. */
export async function deliverToWorkflow(
  { options }: WorkflowIntegration,
  notification: Notification,
  run: RunWorkflow,
): Promise<void> {
  try {
    await run(options.workflow, webhookPayload(notification));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DeliveryError(`Workflow ${options.workflow} was not started: ${why}`, {
      isTemporary: !(error instanceof TerminalError),
    });
  }
}

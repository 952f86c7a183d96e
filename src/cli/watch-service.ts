/** Waits, with the live tree, until a service is as declared. */
import type { Client } from "../client/client.ts";
import { kindNamed } from "../kinds/registry.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { follow, pictureKey } from "./follow.ts";
import { live } from "./live.ts";
import { type TreeNode, nodeOf } from "./views/tree.ts";

/** Fails with exit code 1 when it cannot get ready or does not within `timeout` milliseconds, 130 at Ctrl-C. */
export async function watchService(
  context: CommandContext,
  client: Client,
  name: string,
  timeout: number,
): Promise<TreeNode> {
  context.listenToInterrupts();
  const display = live(context);
  const expired = new AbortController();
  const timer = context.environment.clock.setTimeout(() => expired.abort(), timeout);
  const service = kindNamed("Service");
  let last: TreeNode | undefined;
  try {
    const signal = AbortSignal.any([context.signal, expired.signal]);
    const node = await follow(
      client,
      { namespace: context.namespace, kinds: service === undefined ? [] : [service], signal },
      (picture) => {
        const resource = picture.get(pictureKey("Service", name));
        if (resource === undefined) throw new CommandFailure(EXIT.failed, `service/${name} is gone.`);
        last = nodeOf(resource);
        display.show({ system: name, nodes: [last] });
        return last.state === "ready" || last.state === "failed" ? last : undefined;
      },
    );
    display.finish();
    if (node.state === "failed")
      throw new CommandFailure(
        EXIT.failed,
        `service/${name} is not as declared: ${node.reason ?? ""}`,
        `See: tutti describe service/${name}`,
      );
    return node;
  } catch (error) {
    display.finish();
    if (context.signal.aborted)
      throw new CommandFailure(
        EXIT.interrupted,
        "Interrupted. The control plane goes on.",
        `See: tutti rollout status ${name}`,
      );
    if (expired.signal.aborted)
      throw new CommandFailure(
        EXIT.failed,
        `service/${name} is not ready after ${Math.round(timeout / 1000)} s: ${last?.reason ?? "waiting"}`,
        `See: tutti describe service/${name}`,
      );
    throw error;
  } finally {
    timer.cancel();
  }
}

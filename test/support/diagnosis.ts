/** What is known when something takes too long: for whoever reads the test's output, so that the cause can be seen. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { kinds } from "../../src/kinds/registry.ts";
import { conditionOf } from "../../src/model/condition.ts";
import type { Resource } from "../../src/model/resource.ts";
import type { Client } from "../../src/client/client.ts";
import { processesOf, treeText } from "./processes.ts";

const LOG_LINES = 60;
/** Milliseconds for all questions to the control plane: it may be what hangs. */
const PATIENCE = 5_000;

/** The home's processes, the end of its control plane's log, and every resource that is not as declared. */
export async function diagnosis(path: string, client: () => Client): Promise<string> {
  return [
    `--- processes of ${path}`,
    treeText(processesOf(path).map(({ pid }) => pid)),
    "--- end of the control plane's log",
    logTail(join(path, "control-plane.log")),
    "--- resources that are not ready, or on their way out",
    await notReady(client).catch((error: unknown) => `The control plane does not answer: ${String(error)}`),
    "---",
  ].join("\n");
}

function logTail(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_LINES).join("\n");
  } catch (error) {
    return String(error);
  }
}

async function notReady(client: () => Client): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE);
  const asked = client();
  const lines: string[] = [];
  for (const kind of kinds) {
    const { items } = await asked.list(kind, { signal });
    lines.push(
      ...items.filter(isUnsettled).map((item) => `${kind.singular}/${item.metadata.name} ${stateOf(item)}`),
    );
  }
  return lines.length === 0 ? "none" : lines.join("\n");
}

function isUnsettled(resource: Resource): boolean {
  const ready = conditionOf(resource, "Ready");
  return (
    resource.metadata.deletionTimestamp !== undefined || (ready !== undefined && ready.status !== "True")
  );
}

function stateOf({ metadata, status }: Resource): string {
  const { deletionTimestamp, finalizers, generation } = metadata;
  return JSON.stringify({ generation, deletionTimestamp, finalizers, status }).slice(0, 2_000);
}

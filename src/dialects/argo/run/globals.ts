/** `workflow.*`: what is known of the run itself. */
import { compile } from "../expression/expression.ts";
import { textOf } from "../expression/values.ts";
import { type Arguments, scalarText } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import type { Ground } from "./ground.ts";
import { fromConfigMap } from "./inputs.ts";
import { timestamp } from "./references.ts";

/** Throws TemplateError and SubstitutionError. */
export async function setGlobals(ground: Ground, given: Arguments): Promise<void> {
  const { globals, stage, library, manifest } = ground;
  const { spec } = library;
  const created = timestamp(stage.startedAt);
  globals.set("workflow.name", ground.name);
  globals.set("workflow.namespace", ground.namespace);
  globals.set("workflow.mainEntrypoint", spec.entrypoint ?? "");
  globals.set("workflow.serviceAccountName", spec.serviceAccountName ?? "default");
  globals.set("workflow.uid", stage.run);
  globals.set("workflow.creationTimestamp", created);
  globals.set("workflow.creationTimestamp.RFC3339", created);
  globals.set("workflow.creationTimestamp.s", String(Math.floor(stage.startedAt / 1000)));
  for (const [sign, value] of Object.entries(clockSigns(new Date(stage.startedAt))))
    globals.set(`workflow.creationTimestamp.${sign}`, value);
  if (spec.priority !== undefined) globals.set("workflow.priority", String(spec.priority));
  const scheduled = manifest.metadata.annotations?.["workflows.argoproj.io/scheduled-time"];
  globals.set("workflow.scheduledTime", scheduled ?? created);
  for (const parameter of given.parameters ?? []) {
    const { name } = parameter;
    const path = `workflow!argument.${name}`;
    const { value } = await fromConfigMap(ground, parameter, globals, path, false);
    globals.set(`workflow.parameters.${name}`, scalarText(value));
  }
  const parameters = JSON.stringify(given.parameters ?? []);
  globals.set("workflow.parameters", parameters).set("workflow.parameters.json", parameters);
  setMetadata(ground);
}

function setMetadata({ globals, manifest: { metadata }, library: { spec }, ambience }: Ground): void {
  const { workflowMetadata } = spec;
  const labels = { ...metadata.labels, ...workflowMetadata?.labels };
  const annotations = { ...metadata.annotations, ...workflowMetadata?.annotations };
  for (const [kind, all] of Object.entries({ labels, annotations })) {
    for (const [name, value] of Object.entries(all)) globals.set(`workflow.${kind}.${name}`, value);
    globals.set(`workflow.${kind}`, JSON.stringify(all)).set(`workflow.${kind}.json`, JSON.stringify(all));
  }
  for (const [name, { expression }] of Object.entries(workflowMetadata?.labelsFrom ?? {}))
    globals.set(`workflow.labels.${name}`, textOf(compile(expression).evaluate(nestedOf(globals), ambience)));
}

/** What strftime writes for a sign, in UTC. */
function clockSigns(time: Date): Readonly<Record<string, string>> {
  const two = (number: number): string => String(number).padStart(2, "0");
  const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth() + 1, time.getUTCDate()];
  const hours = time.getUTCHours();
  return {
    Y: String(year),
    y: two(year % 100),
    m: two(month),
    d: two(day),
    H: two(hours),
    I: two(hours % 12 === 0 ? 12 : hours % 12),
    M: two(time.getUTCMinutes()),
    S: two(time.getUTCSeconds()),
    F: `${year}-${two(month)}-${two(day)}`,
    T: `${two(hours)}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())}`,
    j: String(Math.floor((time.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1).padStart(3, "0"),
    p: hours < 12 ? "AM" : "PM",
    w: String(time.getUTCDay()),
    Z: "UTC",
    z: "+0000",
  };
}

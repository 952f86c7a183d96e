/** What a pod is given from outside: folders behind its volumes, texts of ConfigMaps and Secrets. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Workshop } from "./executor.ts";
import type { Pod, PodVariable, PodVolume } from "./work.ts";

const safe = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24);

/** The folder behind a volume, made when it is missing. */
export async function volumeFolder(
  workshop: Workshop,
  pod: Pod,
  volume: PodVolume,
  own: string,
): Promise<string> {
  const path = pathOf(workshop, pod, volume, own);
  if (volume.is !== "host") await mkdir(path, { recursive: true });
  if (volume.is === "configMap" || volume.is === "secret") await fill(workshop, pod, volume, path);
  return path;
}

function pathOf({ folder }: Workshop, pod: Pod, { is, of = "", name }: PodVolume, own: string): string {
  switch (is) {
    case "host":
      return of;
    case "claim":
      return join(folder, "volumes", safe(`${pod.namespace}/${pod.workflow}/${of}`));
    case "shared":
      return join(folder, "claims", safe(`${pod.namespace}/${of}`));
    default:
      return join(own, name);
  }
}

async function fill(
  workshop: Workshop,
  { namespace }: Pod,
  { is, of = "", name, optional }: PodVolume,
  path: string,
): Promise<void> {
  const texts = await (is === "secret" ? workshop.secret : workshop.configMap)?.(namespace, of);
  if (texts === undefined && optional !== true)
    throw new Error(`There is no ${is} '${of}' for the volume '${name}'.`);
  for (const [file, text] of Object.entries(texts ?? {}))
    await writeFile(join(path, file), text, { mode: 0o600 });
}

/** Variables with what ConfigMaps and Secrets say. */
export async function variablesOf(
  workshop: Workshop,
  { namespace }: Pod,
  variables: readonly PodVariable[],
): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const variable of variables) {
    const { name, optional } = variable;
    const found = await valueOf(workshop, namespace, variable);
    if (found !== undefined) all[name] = found;
    else if (optional !== true)
      throw new Error(
        `The variable '${name}' needs the key '${variable.key ?? ""}' of the ${variable.from ?? ""} '${variable.of ?? ""}', which there is not.`,
      );
  }
  return all;
}

async function valueOf(
  { secret, configMap }: Workshop,
  namespace: string,
  { value, from, of = "", key = "" }: PodVariable,
): Promise<string | undefined> {
  if (from === undefined) return value;
  return (await (from === "secret" ? secret : configMap)?.(namespace, of))?.[key];
}

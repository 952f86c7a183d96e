/** From what an instance declares to what the operating system is given: command line, environment, folder, limits. */
import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseQuantity } from "../../model/quantity.ts";
import type { Keyring } from "../../model/sealed.ts";
import { expand, instanceVariables } from "../../provider/environment.ts";
import type { Identity, InstanceSpec } from "../../provider/provider.ts";
import { completing, completionFiles } from "./completion.ts";
import { type Home, processId } from "./home.ts";
import type { ProcessLimits, ProcessSpec } from "./supervisor/process-spec.ts";

/** Of the control plane's own environment only what any program may need to find its way; nothing that may be a secret. */
const INHERITED = ["HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;
const FALLBACK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function processSpec(
  identity: Identity,
  spec: InstanceSpec,
  home: Home,
  keyring: Keyring,
): ProcessSpec {
  const cwd = resolve(spec.run.folder, spec.run.workingDirectory);
  const env = environment(identity, spec, cwd, home, keyring);
  const limits = limitsOf(spec.run.resources);
  const { command = [], once } = spec.run;
  const words =
    typeof command === "string"
      ? ["/bin/sh", "-c", command]
      : once === undefined
        ? command.map((word) => expand(word, env))
        : command;
  return {
    id: processId(identity),
    command: once === undefined ? words : completing(words, completionFiles(home, identity)),
    env,
    cwd,
    logFile: home.logOf(identity.namespace, identity.name),
    ...(limits === undefined ? {} : { limits }),
  };
}

function environment(
  identity: Identity,
  spec: InstanceSpec,
  cwd: string,
  home: Home,
  keyring: Keyring,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  env["PATH"] = pathFor(cwd);
  const pathOf = ({ volume, source }: InstanceSpec["run"]["volumes"][number]): string =>
    source?.path ?? home.folderOf("volumes", { namespace: identity.namespace, name: volume });
  Object.assign(env, instanceVariables(identity, spec, pathOf));
  for (const [name, value] of Object.entries(keyring.openAll(spec.run.env))) env[name] = String(value);
  return env;
}

const paths = new Map<string, string>();

/** Programs are looked for in `node_modules/.bin` of the folder and its parents, beside our own Node, then as usual. */
export function pathFor(cwd: string): string {
  const known = paths.get(cwd);
  if (known !== undefined) return known;
  const local: string[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    const bin = join(folder, "node_modules", ".bin");
    if (existsSync(bin)) local.push(bin);
    if (dirname(folder) === folder) break;
  }
  const path = [dirname(process.execPath), ...local, process.env["PATH"] ?? FALLBACK_PATH].join(delimiter);
  paths.set(cwd, path);
  return path;
}

function limitsOf(resources: InstanceSpec["run"]["resources"]): ProcessLimits | undefined {
  if (resources.cpu === undefined && resources.memory === undefined) return undefined;
  return {
    ...(resources.memory === undefined ? {} : { memoryBytes: parseQuantity(resources.memory) }),
    ...(resources.cpu === undefined ? {} : { cpu: parseQuantity(resources.cpu) }),
  };
}

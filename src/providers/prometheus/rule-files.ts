/** The rule files of one Monitor in a folder that others may have files in as well. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Monitored } from "../../provider/monitoring.ts";
import type { Identity } from "../../provider/provider.ts";
import { ruleFile } from "./configuration.ts";
import type { Files } from "./trial.ts";

/** What the folder is to hold: those that are no longer wanted go, those of others stay. */
export function ruleFiles(folder: string, identity: Identity, files: Monitored["files"]): Files {
  const prefix = prefixOf(identity);
  const stale = entriesOf(folder).filter((file) => file.startsWith(prefix) && file.endsWith(".json"));
  const wanted = files.map(
    ({ name, groups }) => [`${prefix}${name.replaceAll("/", ".")}.json`, ruleFile(groups)] as const,
  );
  const all = new Map<string, string | null>([...stale.map((file) => [file, null] as const), ...wanted]);
  return Object.fromEntries([...all].map(([file, text]) => [join(folder, file), text]));
}

/** Of no other Monitor, nor of one of the same name elsewhere. */
function prefixOf({ namespace, name, uid }: Identity): string {
  return `tutti.${namespace}.${name}.${uid.slice(0, 8)}.`;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Finds the installed programs: Debian's names first, then those of the projects' own packages. */
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Obstacle } from "../../provider/provider.ts";

export type Program = "prometheus" | "alertmanager";

const NAMES: Readonly<Record<Program, readonly string[]>> = {
  prometheus: ["prometheus"],
  alertmanager: ["prometheus-alertmanager", "alertmanager"],
};
const USUAL = ["/usr/bin", "/usr/local/bin", "/opt/prometheus", "/opt/alertmanager"];

/** Where programs are looked for. */
export function usualFolders(): readonly string[] {
  return [...(process.env["PATH"] ?? "").split(delimiter), ...USUAL].filter((one) => one !== "");
}

export async function locate(program: Program, folders: readonly string[]): Promise<string | undefined> {
  for (const name of NAMES[program])
    for (const folder of folders) {
      const path = join(folder, name);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
  return undefined;
}

export function missing(program: Program): Obstacle {
  const packageName = program === "prometheus" ? "prometheus" : "prometheus-alertmanager";
  return {
    code: "ProgramMissing",
    path: "spec.class",
    message: `${program === "prometheus" ? "Prometheus" : "Alertmanager"} is not installed: there is no program '${NAMES[program][0] ?? ""}'.`,
    hint: `Install it, on Debian with 'apt-get install ${packageName}', or use the class 'embedded'.`,
  };
}

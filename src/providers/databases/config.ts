/** Configuration files of server programs: written for the server's user alone, before each start. */
import { readFileSync } from "node:fs";
import { chown, rename, writeFile } from "node:fs/promises";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type RunAs } from "./unprivileged.ts";

export type Settings = Readonly<Record<string, string | number | boolean>>;

/** Replaces a file in one step, belonging to the server's user. */
export async function writeFor(runAs: RunAs, file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  if (runAs.kind === "user") await chown(`${file}.new`, runAs.uid, runAs.gid);
  await rename(`${file}.new`, file);
}

export function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** @throws DiagnosticError for a setting that is not one, or that belongs to Tutti. */
export function refuseSettings(settings: Settings, ours: ReadonlySet<string>, title: string): void {
  const normal = (name: string): string => name.toLowerCase().replaceAll("-", "_");
  const refused = Object.entries(settings).flatMap(([name, value]) => {
    if (ours.has(normal(name)))
      return [{ name, code: "SettingReserved", message: `The setting '${name}' is set by Tutti.` }];
    if (!/^[a-z][a-z0-9_.-]*$/i.test(name))
      return [{ name, code: "SettingNameInvalid", message: `'${name}' is no name of a ${title} setting.` }];
    if (/[\r\n\0]/.test(String(value)))
      return [{ name, code: "SettingInvalid", message: `The setting '${name}' must be one line.` }];
    return [];
  });
  if (refused.length === 0) return;
  throw new DiagnosticError(
    refused.map(({ name, code, message }) => ({
      severity: "error",
      code,
      path: `spec.settings.${name}`,
      message,
      hint: "Remove it.",
    })),
  );
}

/**
 * What is found, as a change of the declaration: for a YAML file the patch, for a program the lines to be set.
 *
 *   System.spec.folder --load--> where the resource is declared --YAML--> unified diff, which can be written
 *                                                              '--else--> file:line and attributes
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { extname, relative } from "node:path";
import type { FoundDrift } from "../client/drift.ts";
import { equal } from "../model/equality.ts";
import { stepsIn } from "../model/path-pattern.ts";
import { LABELS, type Resource, addressOf } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import type { Source } from "../sdk/load/sources.ts";
import type { CommandContext } from "./context.ts";
import { loadDeclaration } from "./declaration.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { kindOf } from "./target.ts";
import { harmless } from "./views/style.ts";

export interface AdoptionReport {
  readonly address: string;
  readonly attributes: readonly { readonly path: string; readonly value?: unknown }[];
  /** Absolute; absent when the declaration is not known here. */
  readonly file?: string;
  readonly line?: number;
  /** Unified diff, of YAML. */
  readonly patch?: string;
}

export interface DriftAdoption {
  readonly report: AdoptionReport;
  /** Absent when there is no file that it could be written into. */
  readonly write?: () => void;
}

export async function adoptionOf(
  context: CommandContext,
  resource: Resource,
  found: readonly FoundDrift[],
): Promise<DriftAdoption> {
  const secret = found.find((one) => one.secret === true);
  if (secret !== undefined)
    throw new CommandFailure(
      EXIT.failed,
      `${secret.path} is a secret: its value is not written into a declaration.`,
      "Set the Secret that it refers to, or set it back: tutti drift revert.",
    );
  const attributes = found.map(({ path, actual }) => ({
    path,
    ...(actual === undefined ? {} : { value: actual }),
  }));
  const report = { address: addressOf(resource), attributes };
  const declared = await declarationOf(context, resource);
  if (declared === undefined) return { report };
  const { source, draft } = declared;
  const { file } = source;
  const { line } = source.position("spec");
  const placed = { ...report, file, ...(line === undefined ? {} : { line }) };
  const isThere = found.every(({ path, actual }) => equal(valueAt(draft, stepsIn(path)), actual));
  if (isThere) return { report: { ...placed, patch: "" }, write: () => undefined };
  if (![".yaml", ".yml"].includes(extname(file))) return { report: placed };
  const { patchedYaml, unifiedDiff } = await import("./source-patch.ts");
  const before = readFileSync(file, "utf8");
  const after = patchedYaml(
    before,
    { kind: resource.kind, name: resource.metadata.name },
    found.map(({ path, actual }) => ({ path, value: actual })),
  );
  if (after === undefined) return { report: placed };
  const patch = unifiedDiff(relative(context.environment.cwd, file), before, after);
  return { report: { ...placed, patch }, write: () => writeFileSync(file, after) };
}

/** Undefined when the folder of its System is not on this machine, or declares it no more. */
async function declarationOf(
  context: CommandContext,
  resource: Resource,
): Promise<{ readonly source: Source; readonly draft: unknown } | undefined> {
  const name = resource.metadata.labels?.[LABELS.system];
  if (name === undefined) return undefined;
  const client = await context.client();
  const { namespace = context.namespace } = resource.metadata;
  const system = await client.find(kindOf("system"), name, { namespace, signal: context.signal });
  const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
  if (folder === undefined || folder === "" || !existsSync(folder)) return undefined;
  const { sources, resources } = await loadDeclaration(context, folder, {});
  const address = addressOf(resource);
  const source = sources.get(address);
  const draft = resources.find((one) => addressOf(one) === address);
  return source === undefined ? undefined : { source, draft };
}

export function adoptedText({ report }: DriftAdoption): string {
  const { patch, file, line, address, attributes } = report;
  if (patch === "") return `${address}: the declaration has it already.`;
  if (patch !== undefined) return patch;
  const where = file === undefined ? "" : `${file}${line === undefined ? "" : `:${line}`}: `;
  const lines = attributes.map(({ path, value }) =>
    value === undefined
      ? `  ${path} goes`
      : `  ${path.replace(/^spec\./, "")}: ${harmless(JSON.stringify(value))},`,
  );
  return [`${where}in ${address} set`, ...lines].join("\n");
}

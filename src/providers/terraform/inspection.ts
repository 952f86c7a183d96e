/** What there is of Terraform's providers on this machine, for people: packages, their checksums, their types. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { refuse } from "../../diagnostics/diagnostic.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Clock } from "../../clock/clock.ts";
import { addressOfSource } from "./address.ts";
import { type Package, Packages } from "./packages.ts";
import { Plugin } from "./plugin.ts";
import { moduleOf } from "./typescript.ts";

export interface InspectionOptions {
  /** As of the control plane (index.ts), absolute. */
  readonly folder: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class ProviderInspection {
  readonly #options: InspectionOptions;
  readonly #packages: Packages;

  constructor(options: InspectionOptions) {
    this.#options = options;
    this.#packages = new Packages({ folder: join(options.folder, "packages"), env: options.env });
  }

  /** `folder`: of a declaration. */
  list(folder: string): readonly { readonly source: string; readonly versions: readonly string[] }[] {
    return this.#packages.list(folder);
  }

  /** Rejects with DiagnosticError. */
  find(source: string, version: string | undefined, folder: string): Promise<Package> {
    return toldOf(async () => this.#packages.find(addressOfSource(source), version, folder));
  }

  /** A TypeScript module. Rejects with DiagnosticError. */
  types(source: string, version: string | undefined, folder: string): Promise<string> {
    return toldOf(() => this.#types(source, version, folder));
  }

  async #types(source: string, version: string | undefined, folder: string): Promise<string> {
    const found = await this.find(source, version, folder);
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    const plugin = await Plugin.start(found, {
      onLog: () => undefined,
      folder: this.#options.folder,
      now: this.#options.clock.now(),
    });
    try {
      const schemas = (
        kind: "resource" | "data",
        types: readonly string[],
      ): Record<string, NonNullable<ReturnType<Plugin["schema"]>>> =>
        Object.fromEntries(
          types.toSorted().flatMap((type) => {
            const schema = plugin.schema(kind, type);
            return schema === undefined ? [] : [[type, schema]];
          }),
        );
      return moduleOf({
        source,
        version: found.version,
        resources: schemas("resource", plugin.resourceTypes),
        data: schemas("data", plugin.dataTypes),
      });
    } finally {
      await plugin.close();
    }
  }
}

async function toldOf<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TerminalError) return refuse(error.diagnostic);
    throw error;
  }
}

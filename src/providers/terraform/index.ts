/** Terraform's providers: kind Provider, and class `terraform` of kind Resource. Nothing is loaded or started before it is needed. */
import { join } from "node:path";
import type { Clock } from "../../clock/clock.ts";
import type { Provider } from "../../provider/provider.ts";
import { TerraformConfigurations } from "./configurations.ts";
import { Packages } from "./packages.ts";
import { Plugins } from "./plugins.ts";
import { TerraformResources } from "./resources.ts";
import { type LookUp, Sources } from "./sources.ts";

export interface TerraformOptions {
  /** Of the control plane's state, absolute. */
  readonly folder: string;
  readonly clock: Clock;
  readonly lookUp: LookUp;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a plugin has to say where it listens. */
  readonly patience?: number;
}

export interface TerraformProviders {
  readonly providers: readonly Provider[];
  readonly close: () => void;
}

export function terraformProviders({
  folder,
  clock,
  lookUp,
  env,
  patience,
}: TerraformOptions): TerraformProviders {
  const packages = new Packages({ folder: join(folder, "packages"), env });
  const sources = new Sources(packages, lookUp);
  const plugins = new Plugins({
    folder,
    now: () => clock.now(),
    ...(patience === undefined ? {} : { patience }),
  });
  return {
    providers: [
      new TerraformConfigurations(sources, plugins) as Provider,
      new TerraformResources({ folder: join(folder, "under-way"), sources, plugins }) as Provider,
    ],
    close: () => plugins.close(),
  };
}

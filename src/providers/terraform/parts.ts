/** What Terraform's providers are made of, put together. */
import { join } from "node:path";
import type { Provider } from "../../provider/provider.ts";
import { TerraformConfigurations } from "./configurations.ts";
import type { TerraformOptions } from "./index.ts";
import { Packages } from "./packages.ts";
import { Plugins } from "./plugins.ts";
import { TerraformResources } from "./resources.ts";
import { Sources } from "./sources.ts";

export interface Parts {
  readonly configurations: Provider;
  readonly resources: Provider;
  readonly close: () => void;
}

export function partsOf({ folder, clock, lookUp, env, patience }: TerraformOptions): Parts {
  const sources = new Sources(new Packages({ folder: join(folder, "packages"), env }), lookUp);
  const plugins = new Plugins({
    folder,
    now: () => clock.now(),
    ...(patience === undefined ? {} : { patience }),
  });
  return {
    configurations: new TerraformConfigurations(sources, plugins) as Provider,
    resources: new TerraformResources({ folder: join(folder, "under-way"), sources, plugins }) as Provider,
    close: () => plugins.close(),
  };
}

/**
 * Terraform's providers: kind Provider, and class `terraform` of kind Resource. Who has none of either loads nothing of this but what
 * stands here.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Key, Resource } from "../../model/resource.ts";
import type { Provider } from "../../provider/provider.ts";
import type { Parts } from "./parts.ts";

export interface TerraformOptions {
  /** Of the control plane's state, absolute. */
  readonly folder: string;
  readonly clock: Clock;
  readonly lookUp: (key: Key) => Resource | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a plugin has to say where it listens. */
  readonly patience?: number;
}

export interface TerraformProviders {
  readonly providers: readonly Provider[];
  readonly close: () => void;
}

export function terraformProviders(options: TerraformOptions): TerraformProviders {
  let loading: Promise<Parts> | undefined;
  const parts = (): Promise<Parts> =>
    (loading ??= import("./parts.ts").then(({ partsOf }) => partsOf(options)));
  return {
    providers: [
      deferred(
        { kind: "Provider", capabilities: ["providers of Terraform, protocol 5 and 6, from local mirrors"] },
        async () => (await parts()).configurations,
      ),
      {
        ...deferred(
          {
            kind: "Resource",
            capabilities: [
              "any resource or data source of a Terraform provider",
              "not found again by itself after a crash in the middle of its creation",
            ],
          },
          async () => (await parts()).resources,
        ),
        features: ["providers"],
        adopt: async (desired, id, context) => {
          const { resources } = await parts();
          if (resources.adopt === undefined) throw new Error("Nothing can be adopted.");
          return resources.adopt(desired, id, context);
        },
      },
    ],
    close: () => void loading?.then(({ close }) => close()),
  };
}

function deferred(
  { kind, capabilities }: Pick<Provider, "kind" | "capabilities">,
  load: () => Promise<Provider>,
): Provider {
  return {
    kind,
    class: "terraform",
    capabilities,
    obstacles: async (prospect, context) => (await (await load()).obstacles?.(prospect, context)) ?? [],
    plan: async (expected, context) => (await (await load()).plan?.(expected, context)) ?? {},
    release: async (desired, context) => (await load()).release?.(desired, context),
    observe: async (desired, context) => (await load()).observe(desired, context),
    ensure: async (desired, context) => (await load()).ensure(desired, context),
    remove: async (desired, context) => (await load()).remove(desired, context),
  };
}

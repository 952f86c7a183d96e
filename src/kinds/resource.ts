import { z } from "zod";
import { FINALIZERS } from "../model/resource.ts";
import { baseStatus, classOf, provisioned } from "./fields.ts";
import { defineKind, output } from "./kind.ts";

/**
 * A thing of no kind of its own. Class `data` keeps values in the graph and does nothing outside; class `terraform` makes what a
 * Terraform provider has a type for; classes `terraform-module`, `ansible` and `kustomize` drive the tool of that name.
 */
export const resource = defineKind({
  kind: "Resource",
  plural: "resources",
  finalizers: [FINALIZERS.provision],
  shortNames: ["res"],
  categories: ["all"],
  description:
    "A thing of no kind of its own: what a Terraform provider makes, or, of class data, values that pass through the graph.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        provider: z
          .string()
          .min(1)
          .optional()
          .describe(
            "Of class terraform: the name of a Provider, or a source that needs no configuration: hashicorp/random.",
          )
          .meta({ references: "Provider", addressable: true, needs: "providers", immutable: true }),
        type: z
          .string()
          .min(1)
          .optional()
          .describe("Of class terraform: the provider's type, e.g. random_password.")
          .meta({ needs: "providers", immutable: true }),
        data: z
          .boolean()
          .default(false)
          .describe("Of class terraform: a data source, which is read and never made.")
          .meta({ needs: "providers", immutable: true }),
        config: z
          .record(z.string(), z.unknown().meta({ mayHoldSecrets: true }))
          .default({})
          .describe(
            "What it is made from. Of class data: any values; they come out as status.output. Of class terraform: the type's attributes and blocks. Of a tool: its settings.",
          ),
        digest: z
          .string()
          .optional()
          .describe(
            "Of a class that is made from files (terraform-module, ansible, kustomize): what they hold. Filled in when a plan is made, so that other files are a change.",
          ),
        replaceOn: z
          .unknown()
          .optional()
          .describe("Any value; when it changes, the thing is made anew.")
          .meta({ immutable: true }),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    /** What it is called where it is. */
    id: z.string().optional(),
    output: z.record(z.string(), z.unknown()).optional(),
    /** Of class terraform: what its provider finds it by; sealed. */
    terraform: z.string().optional(),
  }),
  outputs: {
    id: output("id", "What it is called where it is; another one when it has been made anew."),
    output: output<Readonly<Record<string, unknown>>>(
      "output",
      "What it yields: of class data its config, of class terraform its attributes, of a tool its outputs.",
    ),
  },
  columns: [
    { name: "CLASS", type: "string", value: classOf },
    { name: "TYPE", type: "string", value: ({ spec }) => String(spec?.["type"] ?? "") },
    { name: "ID", type: "string", value: ({ status }) => String(status?.["id"] ?? "") },
  ],
  example: { spec: { class: "data", config: { region: "berlin" } } },
});

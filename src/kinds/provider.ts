import { z } from "zod";
import { FINALIZERS } from "../model/resource.ts";
import { baseStatus, provisioned } from "./fields.ts";
import { defineKind, output } from "./kind.ts";

/** A provider of Terraform, with its configuration: what Resources name. */
export const provider = defineKind({
  kind: "Provider",
  plural: "providers",
  finalizers: [FINALIZERS.provision],
  categories: ["all"],
  description: "A Terraform provider with its configuration, by which Resources are made.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      source: z
        .string()
        .min(1)
        .describe("Its address: hashicorp/random, or registry.example.com/acme/cloud.")
        .meta({ immutable: true }),
      version: z
        .string()
        .optional()
        .describe(
          "Which versions will do: 3.5.1, '>= 3.0, < 4.0', '~> 3.5'; the newest that is there when absent.",
        ),
      checksums: z
        .array(z.string().regex(/^(h1|zh):/, "must begin with h1: or zh:, as in .terraform.lock.hcl"))
        .optional()
        .describe(
          "Of the packages that are trusted, as in .terraform.lock.hcl; the one found first when absent.",
        ),
      config: z
        .record(z.string(), z.unknown().meta({ mayHoldSecrets: true }))
        .default({})
        .describe("What the provider is configured with; secrets and references may stand in it."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    source: z.string().optional(),
    /** The one that was chosen, and stays. */
    version: z.string().optional(),
    checksums: z.array(z.string()).optional(),
    protocol: z.int().optional(),
    resources: z.int().optional(),
    dataSources: z.int().optional(),
  }),
  outputs: {
    version: output("version", "The version that was chosen."),
  },
  columns: [
    { name: "SOURCE", type: "string", value: ({ spec }) => String(spec?.["source"] ?? "") },
    { name: "VERSION", type: "string", value: ({ status }) => String(status?.["version"] ?? "") },
  ],
  example: { spec: { source: "hashicorp/random", version: "~> 3.5" } },
});

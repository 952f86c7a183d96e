import { z } from "zod";
import { baseStatus, duration } from "./fields.ts";
import { stepsOf } from "./json-path.ts";
import { defineKind } from "./kind.ts";
import { type DefinitionSpec, type PrinterColumn, ownKind } from "./own-kind.ts";
import type { Finding } from "./shape.ts";

const word = (what: string): z.ZodString =>
  z.string().regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, `must be ${what} of lower case letters, digits and '-'`);

const column = z.strictObject({
  name: z.string().min(1).describe("Its heading."),
  type: z.enum(["string", "integer", "number", "boolean", "date"]).describe("What stands in it."),
  jsonPath: z.string().describe("Where that is, within the resource: `.status.path`."),
  format: z.string().optional().describe("Not looked at."),
  description: z.string().optional().describe("What it says."),
  priority: z.int().min(0).optional().describe("0 is always shown, more with `-o wide`."),
});

/** Not described in OpenAPI's words here: any schema may stand there, and no text of it is an expression. */
const schema = z
  .strictObject({
    openAPIV3Schema: z
      .record(z.string(), z.unknown())
      .describe("Of the resource: `spec` and `status` as properties."),
  })
  .meta({ ownExpressions: true });

const version = z.strictObject({
  name: word("a version").describe("Its name: `v1`."),
  served: z.literal(true).default(true).describe("Always."),
  storage: z.literal(true).default(true).describe("Always: there is one version."),
  deprecated: z.boolean().optional().describe("Not looked at."),
  schema: schema.describe("What may be declared."),
  additionalPrinterColumns: z.array(column).optional().describe("Columns beside name and age."),
  subresources: z
    .strictObject({ status: z.strictObject({}).optional().describe("Always there.") })
    .optional()
    .describe("What can be asked for beside the resource itself."),
  selectableFields: z
    .array(z.strictObject({ jsonPath: z.string() }))
    .optional()
    .describe("Not looked at."),
});

const provider = z
  .strictObject({
    folder: z.string().min(1).describe("Absolute: what the other paths are relative to."),
    module: z.string().min(1).describe("The module that declares it with `defineResource`."),
    hash: z.string().describe("Of the sources."),
    sources: z
      .record(z.string(), z.string())
      .describe("The module and what it imports from the folder, as they were when they were applied.")
      .meta({ ownExpressions: true }),
    calls: z
      .array(z.string())
      .default([])
      .describe("Which functions there are beside observe, ensure and remove."),
    timeout: duration.default("5m").describe("How long one call may take."),
    parallelism: z.int().min(1).optional().describe("So many calls at once."),
  })
  .optional()
  .describe("The functions that make such resources; written by `defineResource`.");

/** A kind of somebody's own: from now on it can be declared, listed and explained as any other. */
export const customResourceDefinition = defineKind({
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  shortNames: ["crd", "crds"],
  group: "apiextensions.k8s.io",
  version: "v1",
  namespaced: false,
  finalizers: ["customresourcecleanup.apiextensions.k8s.io"],
  description: "A kind of somebody's own: it can be declared, listed and explained as any other.",
  body: z.strictObject({
    spec: z.strictObject({
      group: z
        .string()
        .regex(
          /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/,
          "must be a name with a dot in it, such as example.com",
        )
        .describe("Of its apiVersion: `example.com`."),
      names: z
        .strictObject({
          kind: z
            .string()
            .regex(/^[A-Z][A-Za-z0-9]*$/, "must begin with a capital and hold letters and digits only")
            .max(63)
            .describe("What manifests call it: `Bucket`. No other kind is called so, of whatever group."),
          plural: word("a word").max(63).describe("In addresses: `buckets`."),
          singular: word("a word").optional().describe("One of them; the kind in lower case when absent."),
          listKind: z.string().optional().describe("Not looked at."),
          shortNames: z.array(word("a word")).optional().describe("Other words for it."),
          categories: z.array(word("a word")).optional().describe("`all`: shown by `get all`."),
        })
        .describe("What it is called."),
      scope: z.enum(["Namespaced", "Cluster"]).describe("Whether such resources are in a namespace."),
      versions: z.array(version).length(1).describe("One."),
      conversion: z
        .strictObject({ strategy: z.literal("None") })
        .optional()
        .describe("There is one version."),
      preserveUnknownFields: z.literal(false).optional().describe("Always."),
      provider,
    }),
  }),
  status: z.object({
    ...baseStatus,
    acceptedNames: z.record(z.string(), z.unknown()).optional(),
    storedVersions: z.array(z.string()).optional(),
  }),
  columns: [
    { name: "KIND", type: "string", value: ({ spec }) => (spec as unknown as DefinitionSpec).names.kind },
    {
      name: "MODULE",
      type: "string",
      value: ({ spec }) => (spec as unknown as DefinitionSpec).provider?.module ?? "",
    },
  ],
  check: ({ metadata, spec }) => {
    const definition = { spec } as { readonly spec: unknown };
    const { group, names, versions } = spec as unknown as DefinitionSpec;
    const made = ownKind(definition);
    return [
      ...nameFindings(metadata.name, `${names.plural}.${group}`),
      ...(versions[0].additionalPrinterColumns ?? []).flatMap(columnFindings),
      ...("findings" in made ? made.findings : []),
    ];
  },
  exampleName: "buckets.example.com",
  example: {
    spec: {
      group: "example.com",
      names: { kind: "Bucket", plural: "buckets" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
            },
          },
        },
      ],
    },
  },
});

function nameFindings(name: string, wanted: string): readonly Finding[] {
  if (name === wanted) return [];
  return [
    {
      code: "InvalidName",
      path: "metadata.name",
      message: `It must be called '${wanted}': its plural, a dot and its group.`,
      hint: `Write name: ${wanted}.`,
    },
  ];
}

function columnFindings({ jsonPath }: PrinterColumn, index: number): readonly Finding[] {
  if (stepsOf(jsonPath) !== undefined) return [];
  return [
    {
      code: "InvalidValue",
      path: `spec.versions[0].additionalPrinterColumns[${index}].jsonPath`,
      message: `'${jsonPath.slice(0, 80)}' leads to no value.`,
      hint: "Write for example .status.path, or .status.hosts[0].",
    },
  ];
}

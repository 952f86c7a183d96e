import { z } from "zod";
import { FINALIZERS } from "../model/resource.ts";
import { baseStatus, classOf, provisioned } from "./fields.ts";
import { defineKind, output } from "./kind.ts";

/** A thing of no kind of its own. Class `data` keeps values in the graph and does nothing outside. */
export const resource = defineKind({
  kind: "Resource",
  plural: "resources",
  finalizers: [FINALIZERS.provision],
  shortNames: ["res"],
  categories: ["all"],
  description:
    "A thing of no kind of its own; of class data: values that pass through the graph, and nothing outside.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        config: z
          .record(z.string(), z.unknown())
          .default({})
          .describe("What it is made from. Of class data: any values; they come out as status.output."),
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
  }),
  outputs: {
    id: output("id", "What it is called where it is; another one when it has been made anew."),
    output: output<Readonly<Record<string, unknown>>>("output", "What it yields; of class data its config."),
  },
  columns: [
    { name: "CLASS", type: "string", value: classOf },
    { name: "ID", type: "string", value: ({ status }) => String(status?.["id"] ?? "") },
  ],
  example: { spec: { class: "data", config: { region: "berlin" } } },
});

import { z } from "zod";
import { defineKind } from "./kind.ts";

/** A place for names: two namespaces may hold resources of the same name. */
export const namespace = defineKind({
  kind: "Namespace",
  plural: "namespaces",
  shortNames: ["ns"],
  group: "",
  namespaced: false,
  description: "A place for names; systems in different namespaces do not see each other.",
  body: z.strictObject({
    spec: z
      .strictObject({
        finalizers: z
          .array(z.string())
          .optional()
          .describe("Who must let go of it before it goes, as Kubernetes has it."),
        weight: z
          .number()
          .min(0.01)
          .max(1000)
          .optional()
          .describe(
            "Its share where steps of several namespaces want more slots than there are: 2 gets twice what 1 gets, and 1 is what each has that says nothing.",
          ),
      })
      .default({}),
  }),
  status: z.object({ phase: z.string().optional() }),
  columns: [
    {
      name: "STATUS",
      type: "string",
      value: (resource) =>
        (resource.metadata as { deletionTimestamp?: string }).deletionTimestamp === undefined
          ? "Active"
          : "Terminating",
    },
  ],
  example: { spec: {} },
});

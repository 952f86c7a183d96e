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

import { z } from "zod";
import { defineKind } from "./kind.ts";

/** Something that happened to a resource, in one sentence. */
export const event = defineKind({
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  group: "",
  declarable: false,
  description: "Something that happened to a resource, in one sentence.",
  body: z.strictObject({
    involvedObject: z.object({
      apiVersion: z.string().optional(),
      kind: z.string(),
      namespace: z.string().optional(),
      name: z.string(),
      uid: z.string().optional(),
    }),
    reason: z.string(),
    message: z.string(),
    type: z.enum(["Normal", "Warning"]),
    count: z.int().optional(),
    firstTimestamp: z.string().optional(),
    lastTimestamp: z.string().optional(),
    reportingComponent: z.string().optional(),
    source: z.object({ component: z.string().optional() }).optional(),
  }),
  status: z.object({}),
  columns: [
    {
      name: "LAST SEEN",
      type: "date",
      value: (resource) => String(resource["lastTimestamp"] ?? resource.metadata.creationTimestamp ?? ""),
    },
    { name: "TYPE", type: "string", value: (resource) => String(resource["type"]) },
    { name: "REASON", type: "string", value: (resource) => String(resource["reason"]) },
    {
      name: "OBJECT",
      type: "string",
      value: (resource) => {
        const object = resource["involvedObject"] as { kind: string; name: string };
        return `${object.kind.toLowerCase()}/${object.name}`;
      },
    },
    { name: "COUNT", type: "integer", priority: 1, value: (resource) => Number(resource["count"] ?? 1) },
    { name: "MESSAGE", type: "string", value: (resource) => String(resource["message"]) },
  ],
  example: {
    involvedObject: { kind: "Service", name: "api" },
    reason: "Scaled",
    message: "3 instances became 6.",
    type: "Normal",
  },
});

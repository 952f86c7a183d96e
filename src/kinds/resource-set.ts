import { z } from "zod";
import { baseStatus } from "./fields.ts";
import { defineKind, output } from "./kind.ts";

/**
 * As many resources as a value has members. The planner replaces it by its members (planner/sets.ts): `NAME-KEY`, declared as
 * if they had been written out. When the value is not known yet, its members are planned when it is: a later stage of the
 * same Change.
 */
export const resourceSet = defineKind({
  kind: "ResourceSet",
  plural: "resourcesets",
  shortNames: ["set"],
  categories: ["all"],
  description: "As many resources as a value has members; the value may become known only later.",
  body: z.strictObject({
    spec: z.strictObject({
      forEach: z
        .union([
          z.string(),
          z.number(),
          z.array(z.union([z.string(), z.number(), z.record(z.string(), z.unknown())])),
          z.record(z.string(), z.unknown()),
        ])
        .describe(
          "A number (keys from 0), a list of names or of objects with a name, or a mapping; or an expression that gives one: ${network.main.status.subnets}.",
        ),
      template: z
        .strictObject({
          kind: z.string().describe("Kind of the members."),
          metadata: z
            .strictObject({
              labels: z.record(z.string(), z.string()).optional().describe("Of each member."),
              annotations: z.record(z.string(), z.string()).optional().describe("Of each member."),
            })
            .optional(),
          spec: z
            .unknown()
            .optional()
            .meta({ ownExpressions: true })
            .describe("Of each member; ${each.key} and ${each.value...} are what it stands for."),
        })
        .describe("What each member is."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    /** Names of the members, by key order. */
    members: z.array(z.string()).optional(),
  }),
  outputs: { members: output<readonly string[]>("members", "Names of the members.") },
  columns: [
    {
      name: "MEMBERS",
      type: "integer",
      value: ({ status }) => ((status?.["members"] ?? []) as readonly unknown[]).length,
    },
  ],
  example: {
    spec: {
      forEach: ["berlin", "paris"],
      template: { kind: "Resource", spec: { config: { city: "${each.key}" } } },
    },
  },
});

import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";
import { template } from "./service.ts";

/** As other tools show it: a process by its number, a container by the beginning of its id. */
function runsAs(identity: unknown): string {
  const { pid, container } = (identity ?? {}) as { readonly pid?: number; readonly container?: string };
  return container === undefined ? String(pid ?? "") : container.slice(0, 12);
}

/** One running copy of a Service. Written by the rollout controller; people read it, and may delete it to have it replaced. */
export const instance = defineKind({
  kind: "Instance",
  plural: "instances",
  shortNames: ["inst"],
  categories: ["all"],
  declarable: false,
  description: "One running copy of a Service.",
  body: z.strictObject({
    spec: z.strictObject({
      service: z.string(),
      class: z.string(),
      location: z.string(),
      /** Hash of the template it was made from. */
      template: z.string(),
      /** Resolved: no expressions are left; secrets are sealed. */
      run: z.strictObject({
        ...template,
        folder: z.string(),
        volumes: z
          .array(
            template.volumes.unwrap().element.extend({
              /** Where it is for real: a folder, an engine's volume by its name there. */
              source: z.object({ path: z.string().optional(), volume: z.string().optional() }).optional(),
            }),
          )
          .default([]),
      }),
      /** Chosen port numbers by port name: recorded before anything starts (I3). */
      ports: z.record(z.string(), z.int()),
    }),
  }),
  status: z.object({
    ...baseStatus,
    state: z.enum(["Pending", "Starting", "Running", "Stopping", "Exited"]).optional(),
    /** Operating-system identity, for adoption: pid and kernel start time, or a container id. */
    identity: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    host: z.string().optional(),
    /** Milliseconds since the epoch. */
    startedAt: z.int().optional(),
    readyAt: z.int().optional(),
    exit: z
      .object({ code: z.int().nullable(), signal: z.string().nullable(), at: z.int(), message: z.string() })
      .optional(),
    limits: z.array(z.string()).optional(),
    /** The engine tells whether it is well. */
    reportsHealth: z.boolean().optional(),
  }),
  columns: [
    {
      name: "READY",
      type: "string",
      value: (resource) =>
        (resource.status?.["conditions"] as readonly { type: string; status: string }[] | undefined)?.find(
          (c) => c.type === "Ready",
        )?.status ?? "False",
    },
    {
      name: "STATE",
      type: "string",
      value: (resource) =>
        (resource.metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined
          ? "Stopping"
          : String(resource.status?.["state"] ?? "Pending"),
    },
    { name: "SERVICE", type: "string", value: (resource) => String(resource.spec?.["service"] ?? "") },
    {
      name: "PORT",
      type: "string",
      value: (resource) =>
        Object.values((resource.spec?.["ports"] ?? {}) as Record<string, number>).join(","),
    },
    { name: "CLASS", type: "string", priority: 1, value: (resource) => String(resource.spec?.["class"]) },
    {
      name: "LOCATION",
      type: "string",
      priority: 1,
      value: (resource) => String(resource.spec?.["location"]),
    },
    {
      name: "RUNS AS",
      type: "string",
      priority: 1,
      value: (resource) => runsAs(resource.status?.["identity"]),
    },
    {
      name: "TEMPLATE",
      type: "string",
      priority: 1,
      value: (resource) => String(resource.spec?.["template"] ?? ""),
    },
  ],
  example: {
    spec: {
      service: "api",
      class: "process",
      location: "local",
      template: "5c1f0a",
      run: { command: ["node", "server.js"], folder: "/srv/app" },
      ports: { http: 20001 },
    },
  },
});

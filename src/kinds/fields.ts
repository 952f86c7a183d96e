/** Schemas that several kinds share. */
import { z } from "zod";
import { QUANTITY_PATTERN } from "../model/quantity.ts";
import type { KindResource } from "./kind.ts";
import { lifecycle } from "./lifecycle.ts";

/** `0.5s`, `10s`, `1h30m`: see model/duration.ts. */
export const duration = z
  .string()
  .regex(/^(0|(\d+(\.\d+)?(ms|s|m|h|d|w))+)$/, "must be a duration such as 500ms, 30s or 5m");

export const quantity = z.string().regex(QUANTITY_PATTERN, "must be a quantity such as 500m, 2, 64Mi or 1G");

export const portNumber = z.int().min(1).max(65535);

export const condition = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
  observedGeneration: z.int().optional(),
});

/** How a thing is found other than it was made: written by the drift controller. */
export const driftStatus = z.object({
  /** Of the spec; empty when the thing is gone. */
  path: z.string(),
  expected: z.unknown().optional(),
  actual: z.unknown().optional(),
  secret: z.boolean().optional(),
  /** RFC 3339. */
  since: z.string(),
  answer: z.enum(["revert", "report", "tolerate"]),
  /** Of what is tolerated: until then. */
  until: z.string().optional(),
  /** Who is known to have done it. */
  by: z.string().optional(),
});

/** How often the same was found again after it had been set back. */
export const setBackStatus = z.object({
  path: z.string(),
  /** Of what was found. */
  hash: z.string(),
  times: z.int(),
  at: z.string(),
  /** Noise: it is not set back before. */
  next: z.string().optional(),
});

/** What every status has. */
export const baseStatus = {
  drift: z.array(driftStatus).optional(),
  setBack: z.array(setBackStatus).optional(),
  /** The request to set it back that was carried out last. */
  reverted: z.string().optional(),
  observedGeneration: z.int().optional(),
  conditions: z.array(condition).optional(),
};

/** What every spec of a thing that some engine makes has. */
export const provisioned = {
  class: z
    .string()
    .default("auto")
    .describe("Which engine makes it; 'auto' takes the best that the location has.")
    .meta({ immutable: true }),
  location: z
    .string()
    .default("local")
    .describe("Where it is: the name of a Location.")
    .meta({ references: "Location", weak: true, immutable: true }),
  dependsOn: z
    .array(z.string().meta({ references: "*" }))
    .optional()
    .describe("Addresses (kind/name) of what must be ready first."),
  lifecycle,
};

/** For a column: the class that was chosen, of a Service that of its last complete template; the declared one before. */
export function classOf({ spec, status }: KindResource): string {
  const { made, candidate, stable } = (status ?? {}) as {
    readonly made?: { readonly class?: string };
    readonly candidate?: { readonly template: { readonly class?: string } };
    readonly stable?: { readonly template: { readonly class?: string } };
  };
  return made?.class ?? (candidate ?? stable)?.template.class ?? String(spec?.["class"]);
}

export const retain = z
  .boolean()
  .default(false)
  .describe(
    "Keep the data when the resource is deleted; a later declaration of the same name finds it again.",
  );

export const ports = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
        .describe("Name of the port; the first one is given to the program as PORT, others as PORT_<NAME>."),
      port: portNumber.optional().describe("A fixed number; chosen for each instance when absent."),
      protocol: z.enum(["http", "tcp"]).default("http").describe("What is spoken on it."),
    }),
  )
  .default([])
  .describe("Ports that each instance listens on.");

const probe = z.strictObject({
  http: z
    .strictObject({
      path: z.string().default("/").describe("Path asked with GET; 200 to 399 is good."),
      port: z.string().optional().describe("Name of the port; the first when absent."),
    })
    .optional(),
  tcp: z
    .strictObject({ port: z.string().optional().describe("Name of the port; the first when absent.") })
    .optional(),
  command: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("Program that exits with 0 when all is well, run with the instance's environment."),
  period: duration
    .default("5s")
    .describe("Time between two checks. While an instance starts, checks follow each other much faster."),
  timeout: duration.default("1s").describe("How long one check may take."),
  failureThreshold: z.int().min(1).default(3).describe("Failures in a row that count as bad."),
  successThreshold: z.int().min(1).default(1).describe("Successes in a row that count as good."),
});

export const probes = z
  .strictObject({
    startup: probe.optional().describe("Until it succeeds the other probes wait."),
    readiness: probe
      .optional()
      .describe(
        "While it fails the instance gets no traffic. A TCP connection to the first port when absent.",
      ),
    liveness: probe.optional().describe("When it fails the instance is replaced."),
  })
  .default({});

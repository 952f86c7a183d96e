import { z } from "zod";
import { defineKind, type KindResource } from "./kind.ts";
import { baseStatus } from "./fields.ts";

const texts = z.record(z.string(), z.string());

const labelOf = (resource: KindResource, name: string): string =>
  (resource.spec?.["labels"] as Readonly<Record<string, string>> | undefined)?.[name] ?? "";

/** What an alerting rule found. Written when its state changes, so that its `for` time survives a restart; not on each evaluation. */
export const alert = defineKind({
  kind: "Alert",
  plural: "alerts",
  declarable: false,
  description: "What an alerting rule found: since when, how bad, and about what.",
  body: z.strictObject({
    spec: z.strictObject({
      /** With `alertname`; the alert's identity. */
      labels: texts,
      annotations: texts.default({}),
      expr: z.string().optional(),
      generatorURL: z.string().optional(),
      /** `digest` tells the rule from all others, also of the same name. */
      rule: z.strictObject({ name: z.string(), digest: z.string() }),
      /** Tells the alert from all others: of its rule and its labels. */
      fingerprint: z.string(),
    }),
  }),
  status: z.object({
    ...baseStatus,
    state: z.enum(["pending", "firing", "resolved"]).optional(),
    /** RFC 3339 with milliseconds, as all moments here: the expression has held since. */
    activeAt: z.string().optional(),
    firedAt: z.string().optional(),
    resolvedAt: z.string().optional(),
    /** The expression holds no more since then, and `keep_firing_for` has not passed. */
    keepFiringSince: z.string().optional(),
    /** At the last change of state, as Prometheus writes it: a text, since it may be NaN. */
    value: z.string().optional(),
  }),
  columns: [
    { name: "ALERT", type: "string", value: (resource) => labelOf(resource, "alertname") },
    { name: "STATE", type: "string", value: (resource) => String(resource.status?.["state"] ?? "pending") },
    { name: "SEVERITY", type: "string", value: (resource) => labelOf(resource, "severity") },
    { name: "RESOURCE", type: "string", value: (resource) => labelOf(resource, "tutti_resource") },
    {
      name: "SINCE",
      type: "date",
      value: ({ status }) =>
        String(status?.["resolvedAt"] ?? status?.["firedAt"] ?? status?.["activeAt"] ?? ""),
    },
  ],
  example: {
    spec: {
      labels: { alertname: "ServiceDown", severity: "critical", tutti_resource: "service/api" },
      annotations: { summary: "No instance of service/api answers." },
      expr: "tutti_service_replicas == 0",
      rule: { name: "ServiceDown", digest: "5c1f0a" },
      fingerprint: "5c1f0a5c1f0a5c1f",
    },
  },
});

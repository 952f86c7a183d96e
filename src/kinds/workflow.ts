import { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { baseStatus, duration } from "./fields.ts";
import { type KindResource, defineKind } from "./kind.ts";
import { definitionFields } from "./workflow-shape.ts";

const kept = z
  .union([z.int().min(0), duration])
  .describe("The newest so many, or those that ended within this time.");

function checkSource({ spec = {} }: KindResource): readonly Omit<Diagnostic, "severity" | "address">[] {
  const { steps, program } = spec as { readonly steps?: object; readonly program?: object };
  const hasSteps = steps !== undefined && Object.keys(steps).length > 0;
  if (hasSteps !== (program !== undefined)) return [];
  return [
    {
      code: "InvalidWorkflow",
      path: "spec",
      message: hasSteps
        ? "It has steps and a program; one of them is what it does."
        : "It has neither steps nor a program: it does nothing.",
      hint: "Write 'steps', or 'program' with a definition in a dialect.",
    },
  ];
}

/** What runs in order: steps as data. Each change of it is a new version; runs keep the version they began with. */
export const workflow = defineKind({
  kind: "Workflow",
  plural: "workflows",
  shortNames: ["wf"],
  description: "Steps that run in order, durably.",
  body: z.strictObject({
    spec: z
      .strictObject({
        description: z.string().optional().describe("What it is for, one sentence."),
        ...definitionFields,
        handlers: z
          .string()
          .min(1)
          .optional()
          .describe(
            "Module whose exports are the handlers of function steps; relative to the folder of the declaration.",
          ),
        concurrency: z
          .union([
            z.int().min(1),
            z.strictObject({ limit: z.int().min(1), key: z.string().min(1).optional() }),
          ])
          .optional()
          .describe(
            "Most runs of it at once, with a key for each of its values: {limit: 1, key: '${param.tenant}'}; further ones wait in a queue.",
          ),
        priority: z
          .int()
          .min(-100)
          .max(100)
          .default(0)
          .describe("Of its runs' steps where slots are scarce; higher goes first."),
        keep: z
          .strictObject({
            succeeded: kept.default(100),
            failed: kept.default("30d"),
          })
          .default({ succeeded: 100, failed: "30d" })
          .describe(
            "Which ended runs are kept, with their journals and logs. Cancelled ones count as failed.",
          ),
      })
      .meta({ ownExpressions: true }),
  }),
  status: z.object({
    ...baseStatus,
    /** Of the definition: what a run that begins now pins. */
    hash: z.string().optional(),
    /** Of its handlers, of steps nobody can do. */
    problems: z.array(z.string()).optional(),
    runs: z
      .object({ active: z.int(), queued: z.int(), succeeded: z.int(), failed: z.int(), cancelled: z.int() })
      .optional(),
    /** Names of the newest, newest first. */
    newest: z.array(z.string()).optional(),
    /** By its Schedules, RFC 3339. */
    nextScheduled: z.string().optional(),
  }),
  columns: [
    { name: "ACTIVE", type: "integer", value: ({ status }) => countOf(status, "active") },
    { name: "SUCCEEDED", type: "integer", value: ({ status }) => countOf(status, "succeeded") },
    { name: "FAILED", type: "integer", value: ({ status }) => countOf(status, "failed") },
    { name: "LAST RUN", type: "string", value: ({ status }) => newestOf(status) },
    { name: "NEXT", type: "string", value: ({ status }) => String(status?.["nextScheduled"] ?? "") },
    {
      name: "HASH",
      type: "string",
      priority: 1,
      value: ({ status }) => String(status?.["hash"] ?? "").slice(0, 19),
    },
  ],
  check: checkSource,
  example: {
    spec: {
      parameters: { type: "object", properties: { name: { type: "string" } } },
      steps: {
        greet: { type: "run", command: ["echo", "hello ${param.name}"] },
        pause: { type: "wait", duration: "1s", needs: ["greet"] },
      },
    },
  },
});

function countOf(status: KindResource["status"], name: string): number {
  return Number((status?.["runs"] as Readonly<Record<string, number>> | undefined)?.[name] ?? 0);
}

function newestOf(status: KindResource["status"]): string {
  return String((status?.["newest"] as readonly string[] | undefined)?.[0] ?? "");
}

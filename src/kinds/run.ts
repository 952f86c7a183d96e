import { z } from "zod";
import { formatDuration } from "../model/duration.ts";
import { FINALIZERS } from "../model/resource.ts";
import { baseStatus } from "./fields.ts";
import { type KindResource, defineKind } from "./kind.ts";
import { workflowName } from "./workflow-shape.ts";

const failure = z.object({
  class: z.string(),
  error: z.string(),
  message: z.string(),
  /** Path of the step that failed. */
  step: z.string().optional(),
});

/** Counts of steps, by how far they are. */
const steps = z.object({
  total: z.int(),
  queued: z.int(),
  running: z.int(),
  /** Between two attempts. */
  waiting: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
});

export const runPhases = [
  "Queued",
  "Running",
  "Paused",
  "Stopping",
  // It does not go on until somebody has mended what its condition Halted says.
  "Halted",
  "Succeeded",
  "Failed",
  "Cancelled",
] as const;

/** One run of a Workflow. Whoever creates one starts it; deleting it cancels it, and forgets what it did. */
export const run = defineKind({
  kind: "Run",
  plural: "runs",
  declarable: false,
  finalizers: [FINALIZERS.run],
  description: "One run of a Workflow: create one to start it, delete it to cancel and forget it.",
  body: z.strictObject({
    spec: z
      .strictObject({
        workflow: workflowName.describe("Name of the Workflow."),
        version: z
          .string()
          .optional()
          .describe("Hash of the definition to run; the Workflow's newest when absent."),
        parameters: z.record(z.string(), z.unknown()).default({}).describe("What the steps read as param."),
        priority: z.int().min(-100).max(100).optional().describe("Instead of the Workflow's."),
        deadline: z
          .string()
          .datetime({ offset: true })
          .optional()
          .describe("When it is to be done; past that it is late, and an alert says why."),
        fork: z
          .strictObject({
            run: z.string().describe("Name of the run it is a fork of."),
            from: z.string().optional().describe("Path of the step from which on nothing recorded is taken."),
            atOnce: z
              .int()
              .min(1)
              .optional()
              .describe("Most such forks of the Workflow at once, where that does not limit its runs."),
          })
          .optional()
          .describe("Takes recorded results of another run."),
        cause: z
          .strictObject({
            type: z.enum(["schedule", "trigger", "alert", "fork", "backfill", "run", "receiver"]),
            name: z.string().optional(),
            time: z.string().optional().describe("The nominal time of a schedule, RFC 3339."),
            event: z.unknown().optional().describe("What a trigger saw."),
          })
          .optional()
          .describe("What made it, when nobody started it by hand."),
      })
      .meta({ immutable: true, ownExpressions: true }),
  }),
  status: z.object({
    ...baseStatus,
    phase: z.enum(runPhases).optional(),
    /** Hash of the definition that it runs. */
    definition: z.string().optional(),
    /** Absolute path of its handlers: offered until it has ended, also when its Workflow is gone. */
    handlers: z.string().optional(),
    startedAt: z.string().optional(),
    endedAt: z.string().optional(),
    /** When it is small; else its hash and bytes. */
    output: z.unknown().optional(),
    outputHash: z.string().optional(),
    outputBytes: z.int().optional(),
    failure: failure.optional(),
    /** Of a cancelled run. */
    reason: z.string().optional(),
    steps: steps.optional(),
    /** What it does or waits for now: paths of steps, the first few. */
    now: z.array(z.string()).optional(),
    /** When it is late: why. */
    late: z.string().optional(),
  }),
  columns: [
    { name: "WORKFLOW", type: "string", value: ({ spec }) => String(spec?.["workflow"] ?? "") },
    { name: "PHASE", type: "string", value: ({ status }) => String(status?.["phase"] ?? "Queued") },
    { name: "STEPS", type: "string", value: stepsOf },
    { name: "DURATION", type: "string", value: durationOf },
    { name: "MESSAGE", type: "string", value: messageOf },
  ],
  example: { spec: { workflow: "nightly", parameters: { name: "world" } } },
});

function stepsOf({ status }: KindResource): string {
  const counts = status?.["steps"] as
    | { readonly total: number; readonly succeeded: number; readonly failed: number }
    | undefined;
  return counts === undefined ? "" : `${counts.succeeded}/${counts.total}`;
}

/** Of an ended one; how long another has run, its age tells. */
function durationOf({ status }: KindResource): string {
  const [from, to] = [status?.["startedAt"], status?.["endedAt"]].map((text) => Date.parse(String(text)));
  if (from === undefined || to === undefined || Number.isNaN(from) || Number.isNaN(to)) return "";
  return formatDuration(Math.max(0, to - from));
}

function messageOf({ status }: KindResource): string {
  const failed = status?.["failure"] as { readonly error: string; readonly message: string } | undefined;
  if (failed !== undefined) return `${failed.error}: ${failed.message}`;
  const late = status?.["late"];
  if (typeof late === "string") return late;
  const conditions = (status?.["conditions"] ?? []) as readonly {
    readonly type: string;
    readonly message: string;
  }[];
  return conditions.find(({ type }) => type === "Ready")?.message ?? "";
}

import { z } from "zod";
import { baseStatus } from "./fields.ts";
import { defineKind } from "./kind.ts";

/** What became of one step. */
const stepOutcome = z.object({
  address: z.string(),
  action: z.string(),
  state: z.enum(["Waiting", "Running", "Succeeded", "Failed", "Held", "Skipped"]),
  /** RFC 3339 with milliseconds. */
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  /** Failures so far. */
  failures: z.int().optional(),
  /** Why it waits or failed: code and one sentence. */
  reason: z.string().optional(),
  message: z.string().optional(),
});

const stage = z.object({
  /** Number of the Revision that it made; of `down` none. */
  revision: z.int().optional(),
  committedAt: z.string(),
  /** Addresses that it touched; all of the plan when absent. */
  addresses: z.array(z.string()).optional(),
  /** Those of them that it made. */
  created: z.array(z.string()).optional(),
  /** Those of them that it deleted. */
  deleted: z.array(z.string()).optional(),
  /** Of waves: its number, from 0. */
  wave: z.int().optional(),
});

/** What a resource was when the plan was made: somebody who changes it since moves the base. */
const base = z.record(z.string(), z.object({ uid: z.string(), generation: z.int() }));

/**
 * A plan with who asked for it, who approved it and what came of it.
 *
 *   Pending --approved--> Queued --its turn--> InProgress --all ready--> Succeeded
 *      | rejected, expired     | base moved       |  | failed: hold      '--> Superseded (another Change of the same resources)
 *      v                       v                  |  v
 *   Rejected, Expired         Void                |  Held --resume--> InProgress
 *                                                 | failed: rollBack
 *                                                 '--> RollingBack --> RolledBack | Failed
 *
 *  - Nothing of the desired state changes before InProgress (I1); each of its stages is one commit.
 *  - A final state is never left: Succeeded, Failed, RolledBack, Superseded, Rejected, Expired, Void.
 *  - What people ask of it stands in the spec (`hold`, `resumes`, `withdrawn`), what it is in the status (I6).
 */
export const change = defineKind({
  kind: "Change",
  plural: "changes",
  shortNames: ["chg"],
  declarable: false,
  description: "A plan with who asked for it, who approved it and what came of it.",
  body: z.strictObject({
    spec: z.strictObject({
      system: z.string(),
      /** Number of the Revision that the first stage made; absent as long as nothing is committed. */
      revision: z.int().optional(),
      action: z.enum(["apply", "down", "rollback", "undo"]),
      actor: z.string(),
      plan: z.unknown(),
      hash: z.string(),
      /** By address, a digest of what is done: proposed again on another base it must be the same. Of a Change that waits. */
      effects: z.record(z.string(), z.string()).optional(),
      /** Of `undo`: the Change whose effects are taken back. */
      undoes: z.string().optional(),
      /** What is declared, as admitted, secrets sealed: of a Change that was not committed at once. */
      declared: z.array(z.unknown()).optional(),
      /** What has been done about failure; from the System's policy, or the command line. */
      onFailure: z.enum(["continue", "hold", "rollBack"]).optional(),
      /** What was planned beside the declaration: targets, replacements, the revision to go back to. */
      request: z.record(z.string(), z.unknown()).optional(),
      /** By address; what is created is absent. Of a Change that was not committed at once. */
      base: base.optional(),
      /** Name of the Approval that must come first. */
      approval: z.string().optional(),
      /** Nothing further of it begins until it is resumed. */
      hold: z.boolean().optional(),
      /** How often it was asked to go on. */
      resumes: z.int().optional(),
      /** Who took it back before it began. */
      withdrawn: z.string().optional(),
      /** Addresses whose change cannot be taken back, with why, one sentence. */
      irreversible: z.record(z.string(), z.string()).optional(),
    }),
  }),
  status: z.object({
    ...baseStatus,
    state: z
      .enum([
        "Pending",
        "Queued",
        "InProgress",
        "Held",
        "RollingBack",
        "Succeeded",
        "Failed",
        "RolledBack",
        "Superseded",
        "Rejected",
        "Expired",
        "Void",
      ])
      .optional(),
    /** One sentence: why it is in this state. */
    message: z.string().optional(),
    /** Commits made so far. */
    stages: z.array(stage).optional(),
    /** Addresses of steps that wait for a later stage, with what for. */
    deferred: z.record(z.string(), z.string()).optional(),
    /** Written seldom while it is under way, completely when it has ended. */
    steps: z.array(stepOutcome).optional(),
    startedAt: z.string().optional(),
    finishedAt: z.string().optional(),
    /** Steps that are done, of how many; as seldom as `steps`. */
    progress: z.object({ done: z.int(), of: z.int() }).optional(),
    /** How many times it has gone on after it was held. */
    resumed: z.int().optional(),
    /** Addresses whose failure it has gone on in spite of. */
    passedOver: z.array(z.string()).optional(),
    /** Name of the Approval that its next stage waits for, or had to wait for. */
    asked: z.string().optional(),
    /** Of one that was, or is being, taken back: by which Change. */
    undoneBy: z.string().optional(),
  }),
  columns: [
    { name: "SYSTEM", type: "string", value: (resource) => String(resource.spec?.["system"]) },
    { name: "ACTION", type: "string", value: (resource) => String(resource.spec?.["action"]) },
    { name: "ACTOR", type: "string", value: (resource) => String(resource.spec?.["actor"]) },
    {
      name: "STATE",
      type: "string",
      value: (resource) => String(resource.status?.["state"] ?? "InProgress"),
    },
    {
      name: "MESSAGE",
      type: "string",
      priority: 1,
      value: (resource) => String(resource.status?.["message"] ?? ""),
    },
  ],
  example: {
    spec: { system: "shop", revision: 3, action: "apply", actor: "user:admin", plan: {}, hash: "5c1f0a" },
  },
});

/** States that are never left. */
export const FINAL_STATES: ReadonlySet<string> = new Set([
  "Succeeded",
  "Failed",
  "RolledBack",
  "Superseded",
  "Rejected",
  "Expired",
  "Void",
]);

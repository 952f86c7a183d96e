import { z } from "zod";
import { baseStatus, duration } from "./fields.ts";
import { type KindResource, defineKind } from "./kind.ts";

/** Who must approve, at one point of a chain. */
export const approvalStage = z.strictObject({
  name: z.string().min(1).optional().describe("For example security."),
  users: z.array(z.string().min(1)).default([]).describe("Who may decide; anybody when neither are given."),
  groups: z.array(z.string().min(1)).default([]).describe("Groups whose members may decide."),
  quorum: z.int().min(1).default(1).describe("So many of them must approve."),
});

/** Who must approve, and by when: of an Approval, and of the policy by which a System asks for one. */
export const approvalFields = {
  chain: z
    .array(approvalStage)
    .min(1)
    .default([{ users: [], groups: [], quorum: 1 }])
    .describe("Stages that must all approve."),
  order: z
    .enum(["sequence", "any"])
    .default("sequence")
    .describe("Stages one after the other, or in any order."),
  expires: duration.optional().describe("How long there is to decide; for ever when absent."),
};

const decision = z.object({
  /** `maria`. */
  by: z.string(),
  /** Whose right it was, by delegation. */
  onBehalfOf: z.string().optional(),
  groups: z.array(z.string()).optional(),
  decision: z.enum(["approve", "reject"]),
  /** Number of the stage, from 0. */
  stage: z.int(),
  at: z.string(),
  hash: z.string(),
  comment: z.string().optional(),
  form: z.unknown().optional(),
});

/** A question to people: whether something is to be done, exactly as it stands. */
export const approval = defineKind({
  kind: "Approval",
  plural: "approvals",
  shortNames: ["appr"],
  declarable: false,
  description: "A question to people: whether something is to be done, exactly as it stands.",
  body: z.strictObject({
    spec: z.strictObject({
      title: z.string().min(1).optional().describe("The question, one sentence."),
      subject: z.unknown().meta({ ownExpressions: true }).describe("What is to be approved: any JSON."),
      hash: z
        .string()
        .optional()
        .describe("Of the subject: sha256:... of its canonical JSON. Worked out when absent."),
      requester: z.string().optional().describe("Who asks, and is not to approve it himself unless he may."),
      selfApproval: z.boolean().default(false).describe("Whether the requester may decide."),
      form: z
        .union([z.record(z.string(), z.unknown()), z.boolean()])
        .optional()
        .describe("JSON Schema of what whoever approves fills in."),
      chain: approvalFields.chain,
      order: approvalFields.order,
      delegate: z
        .array(
          z.strictObject({
            from: z.string().min(1).describe("Whose right it is."),
            to: z.string().min(1).describe("Who may decide instead."),
            until: z.iso.datetime({ offset: true }).optional().describe("No longer than that."),
          }),
        )
        .default([])
        .describe("Who may decide on behalf of whom."),
      expires: approvalFields.expires,
      onExpire: z
        .enum(["deny", "approve", "escalate"])
        .default("deny")
        .describe("What happens then: it is denied, approved, or asked of others."),
      escalate: z
        .strictObject({
          ...approvalStage.shape,
          expires: duration.optional().describe("How long they have; it is denied then."),
        })
        .optional()
        .describe("With escalate: of whom. What others approved before stays."),
      void: z
        .string()
        .optional()
        .describe("Why nobody is to decide it any more: what is asked about will not be done."),
      run: z
        .strictObject({ name: z.string(), step: z.string() })
        .optional()
        .describe("The step of a run that waits for it."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    state: z.enum(["Pending", "Approved", "Rejected", "Expired", "Void"]).optional(),
    /** Of the subject as it stands. */
    hash: z.string().optional(),
    /** Every decision ever made, oldest first; those of another hash do not count. */
    decisions: z.array(decision).optional(),
    /** Numbers of the stages that may decide now. */
    open: z.array(z.int()).optional(),
    escalatedAt: z.string().optional(),
    expiresAt: z.string().optional(),
    decidedAt: z.string().optional(),
  }),
  columns: [
    { name: "STATE", type: "string", value: ({ status }) => String(status?.["state"] ?? "Pending") },
    { name: "TITLE", type: "string", value: ({ spec }) => String(spec?.["title"] ?? "") },
    { name: "WAITS FOR", type: "string", value: approversOf },
    {
      name: "DECISIONS",
      type: "integer",
      value: ({ status }) => ((status?.["decisions"] ?? []) as readonly unknown[]).length,
    },
    { name: "EXPIRES", type: "date", value: ({ status }) => String(status?.["expiresAt"] ?? "") },
  ],
  example: {
    spec: {
      title: "Release 4.2 to production?",
      subject: { version: "4.2", commit: "5c1f0a" },
      chain: [{ name: "operations", users: ["maria", "jo"], quorum: 1 }],
      expires: "2d",
    },
  },
});

function approversOf({ spec, status }: KindResource): string {
  const chain = (spec?.["chain"] ?? []) as readonly {
    readonly name?: string;
    readonly users?: readonly string[];
    readonly groups?: readonly string[];
  }[];
  return ((status?.["open"] ?? []) as readonly number[])
    .map((index) => chain[index])
    .map((one) => one?.name ?? [...(one?.users ?? []), ...(one?.groups ?? [])].join(" "))
    .join(", ");
}

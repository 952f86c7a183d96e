/**
 * How a resource may come, change and go: what people say of it in `spec.lifecycle`, or, of kinds whose spec has none, in
 * annotations. Whoever plans, makes or removes asks `lifecycleOf` of what is *live*: protection outlives the declaration.
 */
import { z } from "zod";
import type { DraftMetadata } from "../model/resource.ts";

const span = z
  .string()
  .regex(/^(0|(\d+(\.\d+)?(ms|s|m|h|d|w))+)$/, "must be a duration such as 500ms, 30s or 5m");

const drifting = z.strictObject({
  path: z.string().min(1).describe("Of the spec, with all below it: `spec.size`, `spec.env.*`."),
  answer: z
    .enum(["revert", "report", "tolerate"])
    .describe("Set back, only said, or allowed to be as it is."),
  until: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("With tolerate: no longer than that; the resource's own answer holds then."),
});

export const lifecycle = z
  .strictObject({
    protect: z
      .boolean()
      .default(false)
      .describe(
        "Refuse to delete it or make it anew, also when the declaration is gone, until this is taken back.",
      ),
    onDelete: z
      .enum(["remove", "retain"])
      .default("remove")
      .describe("What becomes of the thing when the resource is deleted: removed, or left alone."),
    ignoreChanges: z
      .array(z.string().min(1))
      .default([])
      .describe("Paths, with all below them, whose live value stays whatever is declared: `spec.replicas`."),
    createBeforeDestroy: z
      .boolean()
      .optional()
      .describe("When made anew, whether the new one comes first; where the class can, when absent."),
    timeouts: z
      .strictObject({
        create: span.optional().describe("To be made and ready."),
        update: span.optional().describe("To be changed and ready."),
        delete: span.optional().describe("To be gone."),
      })
      .optional()
      .describe("How long each may take before it has failed; for ever when absent."),
    retries: z
      .int()
      .min(0)
      .optional()
      .describe("So many failures in a row are tried again before it has failed; all when absent."),
    paused: z
      .boolean()
      .default(false)
      .describe("Leave the thing as it is: nothing is made, changed, healed or removed until it is resumed."),
    drift: z
      .strictObject({
        answer: z
          .enum(["revert", "report"])
          .default("revert")
          .describe("What is done about what others changed: set back, or only said."),
        every: span.optional().describe("How often it is looked at; every minute when absent."),
        paths: z.array(drifting).default([]).describe("Other answers for some paths; the first that fits."),
      })
      .optional()
      .describe("What is done when the thing is found other than it was made."),
  })
  .optional()
  .describe("How it may come, change and go.");

export type Lifecycle = NonNullable<z.output<typeof lifecycle>>;

/** For kinds without `spec.lifecycle`; they win over it where both are. */
export const LIFECYCLE_ANNOTATIONS = {
  protect: "tutti.dev/protect",
  paused: "tutti.dev/paused",
  /** Paths with commas between them. */
  ignoreChanges: "tutti.dev/ignore-changes",
} as const;

const plain: Lifecycle = { protect: false, onDelete: "remove", ignoreChanges: [], paused: false };

/** With defaults. `resource` may be live or declared. */
export function lifecycleOf(resource: {
  readonly metadata: Pick<DraftMetadata, "annotations">;
  readonly spec?: unknown;
}): Lifecycle {
  const declared = (resource.spec as { readonly lifecycle?: Lifecycle } | undefined)?.lifecycle ?? plain;
  const annotations = resource.metadata.annotations ?? {};
  const { protect, paused, ignoreChanges } = LIFECYCLE_ANNOTATIONS;
  const ignored = annotations[ignoreChanges];
  return {
    ...plain,
    ...declared,
    ...(annotations[protect] === undefined ? {} : { protect: annotations[protect] === "true" }),
    ...(annotations[paused] === undefined ? {} : { paused: annotations[paused] === "true" }),
    ...(ignored === undefined
      ? {}
      : {
          ignoreChanges: [
            ...(declared.ignoreChanges ?? []),
            ...ignored.split(",").map((path) => path.trim()),
          ],
        }),
  };
}

/** When an instance that is alive is taken out for being worse than its siblings, and what becomes of it. */
import { z } from "zod";
import { duration } from "./fields.ts";

const percentage = z.string().regex(/^\d+%$/, "must be a percentage such as 50%");

export const outliers = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Whether instances are compared at all."),
    requests: z.int().min(1).default(20).describe("Asked less often in ten seconds, it is not judged."),
    errors: percentage
      .default("50%")
      .describe("Failing that share of its requests is bad, if its siblings do better."),
    factor: z.number().min(1.5).default(3).describe("As many times the time of its siblings is slow."),
    slower: duration.default("100ms").describe("Faster than this is never slow."),
    maxShare: percentage
      .default("34%")
      .describe("How many of the instances may be out at once; one always may."),
    keep: duration
      .default("0s")
      .describe(
        "How long one that was taken out is kept, without traffic, to be looked at; a replacement starts at once.",
      ),
  })
  .prefault({});

export type OutlierSettings = z.output<typeof outliers>;

const DEFAULTS = outliers.parse(undefined);

/** Of a Service; the defaults where it was stored before there were any. */
export function outliersOf(spec: { readonly outliers?: OutlierSettings }): OutlierSettings {
  return spec.outliers ?? DEFAULTS;
}

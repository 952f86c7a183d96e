import { z } from "zod";
import type { ArgoDefinition, Manifest } from "../../../src/dialects/argo/manifest.ts";
import { fileIn, readLines } from "../corpus/read.ts";

const shape = z.looseObject({
  id: z.string().min(1),
  local: z.boolean(),
  workflow: z.looseObject({ spec: z.looseObject({}) }),
  expected_phase: z.enum(["Succeeded", "Failed", "Error"]),
  expected_message: z.string().nullish(),
});

/** A line of `cases.jsonl` (the corpus's README). */
export interface Case {
  readonly id: string;
  readonly local: boolean;
  readonly workflow: Manifest;
  readonly expected_phase: "Succeeded" | "Failed" | "Error";
  readonly expected_message?: string | null;
}

/** Of a file, or of `cases.jsonl` in a folder. */
export function readCases(path: string): Case[] {
  return readLines(fileIn(path, "cases.jsonl"), shape) as unknown as Case[];
}

/** The corpus leaves out what every manifest of its kind says. */
export function definitionOf({ workflow }: Case): ArgoDefinition {
  return { manifest: { ...workflow, kind: "Workflow" } };
}

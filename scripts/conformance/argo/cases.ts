import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ArgoDefinition, Manifest } from "../../../src/dialects/argo/manifest.ts";

/** A line of `cases.jsonl` (the corpus's README). */
export interface Case {
  readonly id: string;
  readonly local: boolean;
  readonly workflow: Manifest;
  readonly expected_phase: "Succeeded" | "Failed" | "Error";
  readonly expected_message?: string | null;
  readonly needs: readonly string[];
}

/** Of a file, or of `cases.jsonl` in a folder. */
export function readCases(path: string): Case[] {
  const file = statSync(path).isDirectory() ? join(path, "cases.jsonl") : path;
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Case);
}

/** The corpus leaves out what every manifest of its kind says. */
export function definitionOf({ workflow }: Case): ArgoDefinition {
  return { manifest: { ...workflow, kind: "Workflow" } };
}

/** The cases of `cases.jsonl` (format: the corpus's README). What a case does not say is empty. */
import { z } from "zod";
import type { StateMachine } from "../../../src/dialects/states-language/definition.ts";
import type { TestRequest } from "../../../src/dialects/states-language/test-state.ts";
import type { Json } from "../../../src/model/resource.ts";
import { fileIn, readLines } from "../corpus/read.ts";
import type { Recorded } from "./compare.ts";
import type { Subject } from "./disturbed.ts";
import type { World } from "./world.ts";

export type Trace = readonly (readonly [string, string?, Json?])[];

export interface Case extends Recorded, Pick<World, "tasks" | "lambda_handlers" | "s3_objects"> {
  readonly id: string;
  readonly suite: string;
  readonly kind: string;
  readonly type: "STANDARD" | "EXPRESS";
  readonly definition: Json;
  readonly input?: Json;
  readonly expected_status: string;
  readonly expected_output?: Json;
  readonly expected_error?: { readonly error?: string };
  readonly expected_trace?: Trace;
  readonly expected_response?: Json;
  readonly unordered_trace: boolean;
  readonly expected_diagnostics?: readonly { readonly location?: string }[];
  readonly request?: Omit<TestRequest, "definition" | "input">;
}

const texts = z.array(z.string()).default([]);
const task = z.looseObject({
  state: z.string().nullable(),
  state_input: z.unknown(),
  outcome: z.looseObject({}),
});
const shape = z
  .looseObject({
    id: z.string(),
    suite: z.string().optional(),
    kind: z.string(),
    type: z.enum(["STANDARD", "EXPRESS"]).default("STANDARD"),
    definition: z.unknown(),
    expected_status: z.string(),
    redactions: texts,
    skip_paths: texts,
    tasks: z.array(task).default([]),
    unordered_trace: z.boolean().default(false),
  })
  .transform((one) => ({ ...one, suite: one.suite ?? one.id }) as unknown as Case);

export function readCases(path: string): readonly Case[] {
  return readLines(fileIn(path, "cases.jsonl"), shape);
}

export function worldOf(one: Case): World {
  return {
    ...one,
    submitted: (one.expected_trace ?? []).filter(([type]) => type === "TaskSubmitted").length,
    stops: one.expected_status === "ABORTED",
  };
}

const EXECUTED = new Set(["execution", "express_sync", "express_async", "choice_case"]);

/** Those that run by themselves to an end. */
export function subjectsOf(cases: readonly Case[]): readonly Subject[] {
  return cases
    .filter(({ kind, expected_status }) => EXECUTED.has(kind) && expected_status !== "ABORTED")
    .map((one) => ({
      id: one.id,
      machine: one.definition as unknown as StateMachine,
      input: one.input ?? {},
      world: worldOf(one),
    }));
}

/** Those that do something, by the length of their definitions: what does nothing cannot be killed while it does it. */
export function smallest(subjects: readonly Subject[], most: number): readonly Subject[] {
  return subjects
    .map((subject) => ({ subject, text: JSON.stringify(subject.machine) }))
    .filter(({ text }) => /"(?:Task|Wait|Map)"/.test(text))
    .toSorted((one, other) => one.text.length - other.text.length)
    .slice(0, most)
    .map(({ subject }) => subject);
}

export function isConcurrent({ machine }: Subject): boolean {
  return /"(?:Map|Parallel)"/.test(JSON.stringify(machine));
}

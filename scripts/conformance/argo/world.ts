/** What stands around a run: an engine with processes of this machine, and a person who resumes what is suspended. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/clock/clock.ts";
import { argo, argoSteps } from "../../../src/dialects/argo/index.ts";
import type { Item, Manifest, Template } from "../../../src/dialects/argo/manifest.ts";
import { type Definition, defineWorkflow } from "../../../src/workflow/definition/definition.ts";
import { type Engine, openEngine } from "../../../src/workflow/engine/engine.ts";
import { MemoryJournal } from "../../../src/workflow/journal/memory.ts";
import type { Journal } from "../../../src/workflow/journal/journal.ts";
import type { StepTypes } from "../../../src/workflow/engine/step-type.ts";
import { type Case, definitionOf } from "./cases.ts";

export interface World {
  readonly engine: Engine;
  /** How the case ended, as Argo would say it. */
  run(one: Case): Promise<{ phase: string; message: string }>;
  close(): void;
}

const programs = join(import.meta.dirname, "programs");
const SAY = { entrypoint: ["/argosay"], files: { "/argosay": join(programs, "argosay") }, programs };

export const standIns = [
  { image: "argoproj/argosay", ...SAY },
  { image: "docker/whalesay", programs },
  { image: "python", programs },
];

export function steps(folder: string): StepTypes {
  return { run: argoSteps({ folder, clock: systemClock, containers: () => ({ is: "process" }), standIns }) };
}

export interface WorldOptions {
  readonly journal?: Journal;
  readonly folder?: string;
}

export async function newWorld(cases: readonly Case[], options: WorldOptions = {}): Promise<World> {
  const { journal = new MemoryJournal(), folder = mkdtempSync(join(tmpdir(), "argo-conformance-")) } =
    options;
  const engine = await openEngine({
    journal,
    clock: systemClock,
    steps: steps(folder),
    dialects: [argo],
    definitions: cases.map(defined),
  });
  return {
    engine,
    run: (one) => run(engine, one),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function defined(one: Case): Definition {
  const program = { dialect: "argo", definition: definitionOf(one) };
  return defineWorkflow({ name: "case", steps: {}, program });
}

/** A namespace of its own, so that cases that name the same lock do not meet. */
export function runOf({ id }: Pick<Case, "id">): string {
  const plain = id.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return `${plain}/run`;
}

async function run(engine: Engine, one: Case): Promise<{ phase: string; message: string }> {
  const definition = defined(one);
  const id = runOf(one);
  await engine.start({ definition, id });
  const over = new AbortController();
  const person = attend(engine, one, id, over.signal);
  const verdict = await engine.result(id);
  over.abort();
  await person;
  if (verdict.is === "succeeded") return { phase: "Succeeded", message: "" };
  if (verdict.is === "cancelled") return { phase: "Cancelled", message: verdict.reason };
  return { phase: verdict.failure.error, message: verdict.failure.message };
}

/**
 * The corpus does not say what the person did who sat before a suspended step. Whoever waits without an end is resumed, with
 * a text for each output that must be supplied; where the workflow is known to have failed, the last of several was stopped.
 */
async function attend(engine: Engine, one: Case, id: string, signal: AbortSignal): Promise<void> {
  const names = suspendedNames(one.workflow);
  if (names.size === 0) return;
  const seen = new Set<string>();
  while (!signal.aborted) {
    const { steps: all } = await engine.state(id);
    for (const [path, { phase }] of all) {
      const name = /[^.\]]+$/.exec(path)?.[0] ?? path;
      const supplied = names.get(name.replace(/\(.*$/, ""));
      if (supplied === undefined || phase !== "running" || seen.has(path)) continue;
      seen.add(path);
      const isStopped = one.expected_phase === "Failed" && seen.size >= names.size;
      const payload = isStopped ? { phase: "Failed", message: "because" } : { outputs: supplied };
      await engine.signal(id, { id: path, name: `resume:${name}`, payload });
    }
    await systemClock.sleep(50, signal).catch(() => undefined);
  }
}

/** Steps that wait without an end, and what must be supplied to each. */
function suspendedNames({ spec }: Manifest): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const templates = new Map((spec.templates ?? []).map((one) => [one.name, one]));
  const names = new Map<string, Readonly<Record<string, string>>>();
  for (const template of templates.values())
    for (const item of itemsOf(template)) {
      const found = templates.get(item.template);
      if (found?.suspend === undefined || found.suspend.duration !== undefined) continue;
      const supplied = (found.outputs?.parameters ?? []).map(({ name }) => [name, "supplied"]);
      names.set(item.name, Object.fromEntries(supplied) as Record<string, string>);
    }
  return names;
}

const itemsOf = ({ steps: groups = [], dag }: Template): readonly Item[] => [
  ...groups.flat(),
  ...(dag?.tasks ?? []),
];

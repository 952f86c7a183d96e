/** Does the work that a run of an Argo Workflow asks for (pods/work.ts): the step type behind its `run` steps. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../clock/clock.ts";
import { type Attempt, type StepType, TaskError } from "../../../workflow/engine/step-type.ts";
import { ArtifactFolder } from "./artifacts.ts";
import { BegunSteps } from "./begun.ts";
import { Choices, type Choose } from "./choices.ts";
import { Memory } from "./memory.ts";
import { runPod } from "./pod.ts";
import { type Lookup, type Recall, type Work, claimOf, workOf } from "./work.ts";

/** What stands for an image where containers are processes. */
export interface StandIn {
  /** Without a tag; it stands for images of that name, whatever their tag. */
  readonly image: string;
  readonly entrypoint?: readonly string[];
  /** Files of the image that commands name: `/argosay`. */
  readonly files?: Readonly<Record<string, string>>;
  /** A folder whose programs are found before those of the machine. */
  readonly programs?: string;
}

/** What a ConfigMap or Secret holds; undefined when there is none. */
export type FindTexts = (
  namespace: string,
  name: string,
) => Promise<Readonly<Record<string, string>> | undefined>;

export interface PodOptions {
  /** For artifacts, volumes, what is memoised, and pods that run. */
  readonly folder: string;
  readonly clock: Clock;
  /** What runs containers; asked once for each run, which keeps to it. */
  readonly containers: Choose;
  readonly standIns?: readonly StandIn[];
  /** The docker program, or one that takes the same words. */
  readonly docker?: string;
  readonly configMap?: FindTexts;
  readonly secret?: FindTexts;
}

export interface Workshop extends PodOptions {
  readonly artifacts: ArtifactFolder;
  readonly begun: BegunSteps;
  readonly choices: Choices;
}

const KEPT_FOR = 24 * 60 * 60 * 1000;

/** Of steps that are Argo's (pods/work.ts). */
export function argoSteps(options: PodOptions): StepType {
  const workshop: Workshop = {
    ...options,
    artifacts: new ArtifactFolder(join(options.folder, "artifacts")),
    begun: new BegunSteps(),
    choices: new Choices(join(options.folder, "runs"), options.containers),
  };
  const memory = new Memory(join(options.folder, "memory"));
  for (const part of ["pods", "runs"]) forgetOld(join(options.folder, part), options.clock);
  return {
    claim: (step) => {
      const work = workOf(step);
      return work && claimOf(work);
    },
    execute: (attempt) => {
      const work = workOf(attempt.step);
      if (work !== undefined) return execute(workshop, memory, attempt, work);
      throw new TaskError("NoHandler", "Nobody here can do steps of type run.", { terminal: true });
    },
  };
}

async function execute(workshop: Workshop, memory: Memory, attempt: Attempt, work: Work): Promise<unknown> {
  const { clock, artifacts, begun } = workshop;
  switch (work.argo) {
    case "pod":
      return runPod(workshop, attempt, work, folderOf(workshop, attempt));
    case "hold":
      return hold(workshop, attempt);
    case "begun":
      return begun.wait(attempt.run, work.path, attempt.signal);
    case "recall":
      return recall(workshop, memory, work);
    case "remember":
      await memory.remember(work.cache, work.key, work.outputs, clock.now());
      return null;
    case "lookup":
      return lookUp(workshop, work);
    case "listing":
      return artifacts.keys(work.key);
  }
}

async function recall(
  { clock }: Workshop,
  memory: Memory,
  { cache, key, maxAge = Infinity }: Recall,
): Promise<unknown> {
  return (await memory.recall(cache, key, clock.now() - maxAge)) ?? null;
}

async function lookUp({ configMap }: Workshop, work: Lookup): Promise<string | null> {
  return (await configMap?.(work.namespace, work.configMap))?.[work.key] ?? null;
}

/** Until nobody wants the lock any more; the engine has given it a slot of the lock's pool. */
async function hold({ begun, clock }: Workshop, { run, path, signal }: Attempt): Promise<unknown> {
  const since = clock.now();
  begun.begin(run, path, {});
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  begun.end(run, path);
  return { heldFor: clock.now() - since };
}

/** The same for a try that is taken up again, another for a run of the same name once the first is deleted. */
function folderOf({ folder }: Workshop, attempt: Attempt): string {
  const identity = createHash("sha256")
    .update(`${attempt.idempotencyKey} ${attempt.since} ${attempt.try}`)
    .digest("hex");
  return join(folder, "pods", identity.slice(0, 32));
}

/** Of pods and runs whose results are in the journal since long. */
function forgetOld(folder: string, clock: Clock): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (clock.now() - statSync(path).mtimeMs > KEPT_FOR) rmSync(path, { recursive: true, force: true });
  }
}

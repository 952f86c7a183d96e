/**
 * A run of an Argo Workflow:
 *
 *     arguments ── workflow's locks ── entrypoint, hooks beside it ── hooks of its end ── exit handler ── phase
 *
 * It decides by the definition, its input, and what its steps gave, in the order of the journal (run/turns.ts), alone.
 */
import { failed } from "../../../workflow/run/events.ts";
import { StepFailure, Stopped } from "../../../workflow/engine/failures.ts";
import type { Program, Stage } from "../../../workflow/engine/program.ts";
import { problemsOf } from "../check/check.ts";
import { Library, mergedArguments } from "../library.ts";
import { type ArgoDefinition, type Arguments, scalarText } from "../manifest.ts";
import { messageOf } from "../substitution.ts";
import type { Call, Context } from "./call.ts";
import { contextOf } from "./execute.ts";
import { setGlobals } from "./globals.ts";
import { Ground } from "./ground.ts";
import { LifecycleHooks, exitHookOf } from "./hooks.ts";
import { take } from "./locks.ts";
import { type Node, isUnsuccessful } from "./node.ts";
import { timestamp } from "./references.ts";
import { podName } from "./pod.ts";

/** What a run that came to its end gives. */
export interface ArgoOutput {
  readonly phase: "Succeeded";
  readonly message: string;
  /** Global outputs, and the parameters that the entrypoint gives. */
  readonly outputs: {
    readonly parameters: Readonly<Record<string, string>>;
    readonly artifacts: Readonly<Record<string, unknown>>;
  };
}

interface Ended {
  readonly phase: "Succeeded" | "Failed" | "Error";
  readonly message: string;
  readonly node?: Node;
}

export function argoProgram(definition: ArgoDefinition): Program {
  return { run: (stage) => run(stage, definition) };
}

async function run(stage: Stage, definition: ArgoDefinition): Promise<ArgoOutput> {
  const problems = problemsOf(definition).filter(({ severity }) => severity === "error");
  if (problems.length > 0)
    throw failure(
      "Failed",
      `invalid spec: ${problems.map(({ path, message }) => `${path} ${message}`).join(" ")}`,
    );
  const ground = new Ground(stage, definition, new Library(definition));
  const context = contextOf(ground);
  const root = new AbortController();
  const ended = await followed(context, root.signal).finally(() => root.abort());
  await ground.rest();
  if (stage.signal.aborted) throw new Stopped();
  if (ended.phase !== "Succeeded") throw failure(ended.phase, ended.message);
  const own = ended.node?.outputs;
  return {
    phase: "Succeeded",
    message: ended.message,
    outputs: {
      parameters: { ...Object.fromEntries(own?.parameters ?? []), ...Object.fromEntries(ground.outputs) },
      artifacts: { ...Object.fromEntries(own?.artifacts ?? []), ...Object.fromEntries(ground.artifacts) },
    },
  };
}

function failure(phase: "Failed" | "Error", message: string): StepFailure {
  return new StepFailure(failed("Terminal", phase, message));
}

async function followed(context: Context, until: AbortSignal): Promise<Ended> {
  const { ground } = context;
  const { spec } = ground.library;
  let given: Arguments;
  try {
    given = await argumentsOf(ground);
    await setGlobals(ground, given);
  } catch (error) {
    return { phase: "Failed", message: `failed to set global parameters: ${messageOf(error)}` };
  }
  const locals = { path: "workflow", isExit: false, variables: ground.globals };
  const held = await take(ground, spec.synchronization, locals);
  if (held === undefined) return { phase: "Failed", message: "Stopped with strategy 'Stop'" };
  try {
    return await main(context, given, until);
  } finally {
    held.release();
  }
}

async function main(context: Context, given: Arguments, until: AbortSignal): Promise<Ended> {
  const { ground } = context;
  const { spec, own: origin } = ground.library;
  if (spec.suspend === true)
    await ground.turns.perform("workflow!resume", { type: "wait", signal: "resume" }, ground.signalOf(false));
  if (spec.shutdown === "Stop" || spec.shutdown === "Terminate") ground.end({ is: spec.shutdown });
  const timer = deadline(ground);
  ground.volumes = ground.substitution(ground.globals).value(ground.volumes, "none");
  ground.globals.set("workflow.status", "Running");
  const { name } = ground;
  const owner = { name, path: "workflow", origin, depth: 0, isExit: false };
  const hooks = new LifecycleHooks(context, owner, spec.hooks);
  hooks.running(ground.globals);
  const call: Call = {
    name,
    displayName: name,
    path: spec.entrypoint ?? "",
    reference: { template: spec.entrypoint ?? "" },
    origin,
    arguments: given,
    isExit: false,
    depth: 0,
    until,
  };
  const node = await context.execute(call);
  if (node.isBroken === true) {
    timer.abort();
    return { phase: "Error", message: `error in entry template execution: ${node.message}`, node };
  }
  const status = node.phase === "Failed" || node.phase === "Error" ? node.phase : "Succeeded";
  timer.abort();
  setStatus(context, status);
  try {
    await hooks.over(ground.globals, node);
  } catch (error) {
    return { phase: "Error", message: messageOf(error), node };
  }
  const exit = await exited(context, call);
  return judged(context, node, exit);
}

function judged({ ground }: Context, node: Node, exit: Node | undefined): Ended {
  const { ending } = ground;
  if (isUnsuccessful(node)) {
    const message =
      ending === undefined || ending.is === "deadline"
        ? node.message
        : `Stopped with strategy '${ending.is}'`;
    return { phase: node.phase === "Error" ? "Error" : "Failed", message, node };
  }
  if (exit?.isBroken === true)
    return { phase: "Error", message: `error in exit template execution : ${exit.message}`, node };
  if (exit !== undefined && isUnsuccessful(exit))
    return { phase: exit.phase === "Error" ? "Error" : "Failed", message: exit.message, node };
  return { phase: "Succeeded", message: node.message, node };
}

async function exited(context: Context, call: Call): Promise<Node | undefined> {
  const { ground } = context;
  const { spec } = ground.library;
  const hook = exitHookOf(spec, spec.arguments);
  if (hook === undefined || ground.ending?.is === "Terminate") return undefined;
  return context.execute({
    ...call,
    name: `${call.name}.onExit`,
    displayName: `${call.displayName}.onExit`,
    path: `${call.path}!onExit`,
    reference: hook,
    arguments: hook.arguments ?? {},
    isExit: true,
  });
}

/** `activeDeadlineSeconds` of the workflow: counted from its start, whatever it waits for. */
function deadline(ground: Ground): AbortController {
  const timer = new AbortController();
  const seconds = Number(ground.library.spec.activeDeadlineSeconds ?? Infinity);
  if (!Number.isFinite(seconds)) return timer;
  const until = new Date(ground.stage.startedAt + seconds * 1000).toISOString();
  const wait = ground.turns
    .perform(
      "workflow!deadline",
      { type: "wait", until },
      AbortSignal.any([timer.signal, ground.signalOf(false)]),
    )
    .then(({ is }) => {
      if (is === "succeeded" && !timer.signal.aborted) ground.end({ is: "deadline" });
    });
  ground.background(wait);
  return timer;
}

function setStatus({ ground }: Context, status: string): void {
  const failures = ground.failures.map(({ displayName, message, template, phase, name, finishedAt }) => ({
    displayName,
    message,
    templateName: template,
    phase,
    podName: podName(ground.name, name, template),
    finishedAt: timestamp(finishedAt),
  }));
  ground.globals.set("workflow.status", status);
  // Quoted once more, so that quotation marks survive where it is put into a command.
  ground.globals.set("workflow.failures", JSON.stringify(JSON.stringify(failures)));
  ground.globals.set("workflow.duration", String((ground.now - ground.stage.startedAt) / 1000));
}

/** What the run was started with counts before what the manifest says. */
async function argumentsOf(ground: Ground): Promise<Arguments> {
  const input = (ground.stage.input ?? {}) as Readonly<Record<string, unknown>>;
  const { arguments: own } = ground.library.spec;
  const parameters = Object.entries(input).map(([name, value]) => ({ name, value: scalarText(value) }));
  const given = mergedArguments({ parameters }, own);
  return {
    ...given,
    parameters: (given.parameters ?? []).map((one) => {
      if (Object.hasOwn(input, one.name)) return { name: one.name, value: scalarText(input[one.name]) };
      return one.value === undefined && one.default !== undefined && one.valueFrom === undefined
        ? { ...one, value: one.default }
        : one;
    }),
  };
}

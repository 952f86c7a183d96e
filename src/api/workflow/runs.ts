/** Subresources of a Run: what is told to it, and what it tells of itself. */
import { randomUUID } from "node:crypto";
import { cancelRun as cancel, isUnknownRun } from "../../controllers/run/cancel.ts";
import { type Run, runId } from "../../controller/runs.ts";
import { DiagnosticError, formatDiagnostic } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import type { RunPhase, RunState } from "../../workflow/run/state.ts";
import { type StepView, WAITS_FOR_ANYBODY, stepViews } from "../../workflow/run/step-view.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { type Body, optionalBody } from "./body.ts";
import { existing, parseCount } from "../read.ts";
import { StatusError, badRequest, conflict, detailsOf } from "../status-error.ts";
import { LogStream } from "../subresources/log.ts";
import { causeOf, repeatedly } from "../write.ts";
import { serviceOf, settled } from "./service.ts";

const GRACE = 30_000;
/** How long a run that was created a moment ago is waited for, milliseconds. */
const PATIENCE = 5_000;
const LOOK = 25;

export async function signalRun(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const { name, id = randomUUID(), payload = null } = await optionalBody(context, call);
  if (typeof name !== "string" || name === "") throw badRequest("name: it must be the name of a signal.");
  if (typeof id !== "string" || id === "" || id.length > 200)
    throw badRequest("id: it must be a text of at most 200 characters.");
  const { engine, run } = await begun(context, target);
  const refused = await engine.signal(runId(run), { id, name, payload });
  // The same signal again is no fault: it has been received, even if the run has ended since.
  const isKnown =
    refused === "AlreadyRecorded" ||
    (refused === "RunEnded" && wasReceived(await engine.state(runId(run)), id));
  return settled(target, isKnown ? undefined : refused);
}

function wasReceived({ signals, taken }: RunState, id: string): boolean {
  return signals.has(id) || taken.has(id);
}

export async function cancelRun(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = await optionalBody(context, call);
  const reason = textIn(body, "reason") ?? `Cancelled by ${call.actor.replace(/^user:/, "")}.`;
  const grace = durationIn(body, "grace") ?? GRACE;
  const engine = await serviceOf(context).engine();
  const { store, clock } = context;
  const refused = await repeatedly(undefined, () =>
    cancel(existing(context, target) as Run, {
      store,
      clock,
      engine,
      reason,
      grace,
      cause: causeOf(call, "cancel"),
    }),
  );
  const run = existing(context, target) as Run;
  return settled(target, await unlessAlready(refused, engine, run, ["stopping"]));
}

export async function pauseRun(context: ApiContext, _call: Call, target: ResourceTarget): Promise<Answer> {
  const { engine, run } = await begun(context, target);
  return settled(target, await unlessAlready(await engine.pause(runId(run)), engine, run, ["paused"]));
}

export async function resumeRun(context: ApiContext, _call: Call, target: ResourceTarget): Promise<Answer> {
  const id = runId(existing(context, target));
  const halted = (await serviceOf(context).engine()).halted();
  if (halted.some((one) => one.id === id)) return retryRun(context, target, id);
  const { engine, run } = await begun(context, target);
  return settled(
    target,
    await unlessAlready(await engine.resume(runId(run)), engine, run, ["queued", "running"]),
  );
}

/** A halted one goes on when there is again what it lacked. */
async function retryRun(context: ApiContext, target: ResourceTarget, id: string): Promise<Answer> {
  try {
    await serviceOf(context).retry(id);
    return settled(target, undefined);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const why = error.diagnostics.map(formatDiagnostic).join("\n");
    throw new StatusError(409, "Refused", `The run '${target.name}' is still halted:\n${why}`, {
      ...detailsOf(target.kind, target.name),
      diagnostics: error.diagnostics,
    });
  }
}

/** What is asked for and is so already is no fault. */
async function unlessAlready(
  refused: string | undefined,
  engine: Engine,
  run: Run,
  phases: readonly RunPhase[],
): Promise<string | undefined> {
  if (refused !== "NotNow") return refused;
  const { phase, endedAt } = await engine.state(runId(run));
  if (phases.includes(phase)) return undefined;
  return endedAt > 0 ? "RunEnded" : refused;
}

export async function stepsOfRun(context: ApiContext, _call: Call, target: ResourceTarget): Promise<Answer> {
  const run = existing(context, target) as Run;
  const service = serviceOf(context);
  const engine = await service.engine();
  const state = await known(engine.state(runId(run)));
  const definition = state === undefined ? undefined : await service.definition(state.definition);
  const around = engine.around(runId(run), state?.workflow ?? "");
  const items = state === undefined ? [] : stepViews(state, definition?.workflow, around);
  const problem = handlersProblem(context, run);
  return ok({
    kind: "StepList",
    apiVersion: "tutti.dev/v1",
    metadata: {},
    items: problem === undefined ? items : items.map((item) => waitingForHandler(item, problem)),
  });
}

/** What a person has to mend before steps of the run's workflow that are functions can begin. */
function handlersProblem(context: ApiContext, { metadata, spec, status }: Run): string | undefined {
  const namespace = metadata.namespace ?? "default";
  const [problem] = serviceOf(context).problemsOf(namespace, spec.workflow);
  if (problem !== undefined) return `${problem.code}: ${problem.message}`;
  const workflow = context.store.get({ kind: "Workflow", namespace, name: spec.workflow });
  if (workflow !== undefined || status?.handlers !== undefined)
    return (workflow?.status as { readonly problems?: readonly string[] } | undefined)?.problems?.[0];
  return `workflow/${spec.workflow} is gone, and with it where its handlers are. Apply it again, or start a worker that has them: tutti worker MODULE.`;
}

function waitingForHandler(step: StepView, problem: string): StepView {
  return step.phase === "queued" && step.type === "function" && step.waitingFor === WAITS_FOR_ANYBODY
    ? { ...step, waitingFor: `Somebody who can do it. ${problem}` }
    : step;
}

/** The fold of its events, as it is. */
export async function queryRun(context: ApiContext, _call: Call, target: ResourceTarget): Promise<Answer> {
  const { engine, run } = await begun(context, target);
  const { signals, steps, deadline, ...state } = await engine.state(runId(run));
  return ok({
    kind: "RunState",
    apiVersion: "tutti.dev/v1",
    ...state,
    // JSON has no infinity.
    ...(Number.isFinite(deadline) ? { deadline } : {}),
    signals: [...signals].map(([id, signal]) => ({ id, ...signal })),
    steps: Object.fromEntries(steps),
  });
}

export async function eventsOfRun(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const from = parseCount(call.query.get("from"), "from");
  const follow = isFlag(call, "follow");
  const { engine, run } = await begun(context, target);
  const stream = new LogStream(context, call);
  stream.open("application/jsonlines");
  for await (const { index, event } of engine.events(runId(run), { from, follow, signal: stream.signal }))
    if (!(await stream.write(`${JSON.stringify({ index, ...event })}\n`))) break;
  stream.end();
  return undefined;
}

export async function logOfRun(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const path = call.query.get("step") ?? "";
  if (path === "") throw badRequest("step: give the path of a step, as GET .../steps names it.");
  const attempt = parseCount(call.query.get("attempt"), "attempt");
  const tail = call.query.get("tailLines");
  const isStamped = isFlag(call, "timestamps");
  const { engine, run } = await begun(context, target);
  const id = runId(run);
  const state = await engine.state(id);
  const stream = new LogStream(context, call);
  const isOver = state.endedAt > 0 ? () => true : watchStep(engine, id, path, stream.signal);
  const lines = serviceOf(context).log(id, path, attempt === 0 ? undefined : attempt, {
    ...(tail === null ? {} : { tail: parseCount(tail, "tailLines") }),
    follow: isFlag(call, "follow"),
    signal: stream.signal,
    isOver,
  });
  stream.open("text/plain; charset=utf-8");
  for await (const { time, text } of lines)
    if (!(await stream.write(isStamped ? `${new Date(time).toISOString()} ${text}\n` : `${text}\n`))) break;
  stream.end();
  return undefined;
}

const SETTLING: ReadonlySet<string> = new Set(["StepSucceeded", "StepCancelled"]);

/** Whether nothing more is logged by the step: it was settled, or the run has ended. Asked again and again. */
function watchStep(engine: Engine, id: string, path: string, signal: AbortSignal): () => boolean {
  let isOver = false;
  const follow = async (): Promise<void> => {
    for await (const { event } of engine.events(id, { follow: true, signal })) {
      if (!("step" in event) || event.step !== path) continue;
      if (SETTLING.has(event.type) || (event.type === "StepFailed" && event.retryAt === undefined)) break;
    }
    isOver = true;
  };
  follow().catch(() => (isOver = true));
  return () => isOver;
}

/** Refuses a run that waits for its workflow; waits for one that was created a moment ago. */
async function begun(
  context: ApiContext,
  target: ResourceTarget,
): Promise<{ readonly engine: Engine; readonly run: Run }> {
  const engine = await serviceOf(context).engine();
  for (let waited = 0; ; waited += LOOK) {
    const run = existing(context, target) as Run;
    const there = await known(engine.overview(runId(run)));
    if (there !== undefined) return { engine, run };
    if (waited >= PATIENCE || run.status?.phase !== undefined)
      throw conflict(target.kind, target.name, "the run has not begun");
    await context.clock.sleep(LOOK, context.closing);
  }
}

async function known<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isUnknownRun(error)) return undefined;
    throw error;
  }
}

function isFlag(call: Call, name: string): boolean {
  const text = call.query.get(name);
  return text !== null && text !== "false" && text !== "0";
}

function textIn(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || value.length > 1000)
    throw badRequest(`${name}: it must be a text of at most 1000 characters.`);
  return value;
}

function durationIn(body: Body, name: string): number | undefined {
  const text = textIn(body, name);
  if (text === undefined) return undefined;
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof DiagnosticError)
      throw new StatusError(400, "BadRequest", `${name}: ${error.message}`);
    throw error;
  }
}

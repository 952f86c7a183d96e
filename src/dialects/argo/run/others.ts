/** Templates whose work is no pod's: suspend, http, data. */
import type { HttpStep, RunStep } from "../../../workflow/definition/workflow.ts";
import { compile, holds } from "../expression/expression.ts";
import { type HttpTemplate, type Template, keyOf, scalarText } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import { Scope } from "../variables.ts";
import type { Body, Context } from "./call.ts";
import type { Ground } from "./ground.ts";
import { TemplateError } from "./inputs.ts";
import { type Node, type Outputs, blankNode, noOutputs } from "./node.ts";
import { endingMessage } from "./pod.ts";
import { spanOf } from "./retry.ts";
import type { Outcome } from "./turns.ts";

/** What somebody sends who resumes a suspended node, as the signal `resume:NAME`. */
interface Resumption {
  /** Of outputs whose `valueFrom` is `supplied`. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly phase?: "Succeeded" | "Failed" | "Error" | "Skipped";
  readonly message?: string;
}

export async function runSuspend({ ground }: Context, body: Body): Promise<Node> {
  const { template, name, path, call } = body;
  const { isExit } = call;
  const startedAt = ground.now;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, ground.signalOf(isExit)]);
  const resumed = ground.turns.perform(
    `${path}`,
    { type: "wait", signal: `resume:${call.displayName}` },
    signal,
    isExit,
  );
  const duration = template.suspend?.duration ?? "";
  const waits: Promise<{ is: "resumed" | "elapsed"; outcome: Outcome }>[] = [
    resumed.then((outcome) => ({ is: "resumed" as const, outcome })),
  ];
  if (duration !== "") {
    const elapsed = ground.turns.perform(
      `${path}!duration`,
      { type: "wait", duration: `${spanOf(duration)}ms` },
      signal,
      isExit,
    );
    waits.push(elapsed.then((outcome) => ({ is: "elapsed" as const, outcome })));
  }
  for (const wait of waits) ground.background(wait);
  const first = await Promise.race(waits);
  over.abort();
  const of = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  if (first.outcome.is !== "succeeded") return { ...of, phase: "Failed", message: endingMessage(ground) };
  return resumedNode(of, template, first.is === "resumed" ? first.outcome.result : {});
}

/** Throws TemplateError. */
function resumedNode(node: Node, template: Template, told: unknown): Node {
  const of = { ...node, template: template.name ?? "" };
  const resumption = (told ?? {}) as Resumption;
  const { phase = "Succeeded", message = "" } = resumption;
  if (phase !== "Succeeded") return { ...of, phase, message };
  return { ...of, outputs: suppliedOutputs(template, resumption), message };
}

/** Throws TemplateError. */
function suppliedOutputs({ inputs, outputs }: Template, { outputs: given = {} }: Resumption): Outputs {
  const parameters = new Map<string, string>();
  const standards = new Map(inputs?.parameters?.map((one) => [one.name, one.default]));
  for (const { name, value, valueFrom } of outputs?.parameters ?? []) {
    const chosen = given[name] ?? value ?? valueFrom?.default ?? standards.get(name);
    if (chosen === undefined)
      throw new TemplateError(
        `raw output parameter '${name}' has not been set and does not have a default value`,
      );
    parameters.set(name, scalarText(chosen));
  }
  return { ...noOutputs, parameters };
}

const ANSWERS = Array.from({ length: 500 }, (_, index) => 100 + index);

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export async function runHttp({ ground }: Context, body: Body): Promise<Node> {
  const { template, name, path, call } = body;
  const { http } = template;
  if (http === undefined) throw new TemplateError("the template has no http");
  const startedAt = ground.now;
  const outcome = await ground.turns.perform(
    path,
    requestOf(http),
    ground.signalOf(call.isExit),
    call.isExit,
  );
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  const of = { ...node, template: template.name ?? "" };
  if (outcome.is !== "succeeded") return { ...of, ...withoutResult(ground, outcome) };
  return { ...of, ...answered(ground, template, http, outcome.result as Answer) };
}

function requestOf(http: HttpTemplate): HttpStep {
  return {
    type: "http",
    url: http.url,
    method: http.method ?? "GET",
    headers: Object.fromEntries((http.headers ?? []).map((one) => [one.name, one.value ?? ""])),
    ...(http.body === undefined ? {} : { body: http.body }),
    expect: ANSWERS,
    timeouts: { attempt: `${Number(http.timeoutSeconds ?? 30) || 30}s` },
  };
}

function withoutResult(
  ground: Ground,
  outcome: Exclude<Outcome, { readonly is: "succeeded" }>,
): Pick<Node, "phase" | "message"> {
  if (outcome.is === "stopped") return { phase: "Failed", message: endingMessage(ground) };
  return { phase: "Error", message: outcome.failure.message };
}

function answered(
  ground: Ground,
  template: Template,
  { successCondition = "" }: HttpTemplate,
  { status, headers = {}, body }: Answer,
): Pick<Node, "phase" | "message" | "outputs"> {
  const text = typeof body === "string" ? body : JSON.stringify(body ?? "");
  const names = { response: { statusCode: status, body: text, headers, contentLength: text.length } };
  const isGood =
    successCondition === "" ? status >= 200 && status < 300 : holds(successCondition, names, ground.ambience);
  const outputs: Outputs = { ...noOutputs, result: text };
  if (isGood) {
    const parameters = httpParameters(template, names, ground);
    return { phase: "Succeeded", message: "", outputs: { ...outputs, parameters } };
  }
  const message =
    successCondition === ""
      ? `received non-2xx response code: ${status}`
      : `successCondition '${successCondition}' evaluated false`;
  return { phase: "Failed", message, outputs };
}

function httpParameters(
  { outputs }: Template,
  names: Readonly<Record<string, unknown>>,
  ground: Context["ground"],
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const { name, value, valueFrom } of outputs?.parameters ?? []) {
    const made =
      valueFrom?.expression === undefined
        ? undefined
        : compile(valueFrom.expression).evaluate(names, ground.ambience);
    const chosen = made ?? value ?? valueFrom?.default;
    if (chosen !== undefined && chosen !== null) parameters.set(name, scalarText(chosen));
  }
  return parameters;
}

/** Names of the files below a key, and what the expressions make of them. */
export async function runData({ ground }: Context, body: Body): Promise<Node> {
  const { template, name, path, call } = body;
  const { source, transformation = [] } = template.data ?? { source: {} };
  const from = source.artifactPaths;
  const key = (from === undefined ? undefined : keyOf(from)) ?? "";
  const startedAt = ground.now;
  const step: RunStep = { type: "run", command: ["listing"], input: { argo: "listing", key } };
  const outcome = await ground.turns.perform(path, step, ground.signalOf(call.isExit), call.isExit);
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  const of = { ...node, template: template.name ?? "" };
  if (outcome.is !== "succeeded") return { ...of, ...withoutResult(ground, outcome) };
  let data: unknown = outcome.result;
  for (const { expression } of transformation)
    data = compile(expression).evaluate({ ...nestedOf(new Scope(body.locals)), data }, ground.ambience);
  return { ...of, outputs: { ...noOutputs, result: JSON.stringify(data) } };
}

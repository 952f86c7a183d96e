/** Templates whose work is no pod's: suspend, http, data. */
import type { HttpStep, RunStep } from "../../../workflow/definition/workflow.ts";
import { compile, holds } from "../expression/expression.ts";
import { type Template, scalarText } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import { Scope } from "../variables.ts";
import type { Body, Context } from "./call.ts";
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
  const { duration } = template.suspend ?? {};
  const waits: Promise<{ is: "resumed" | "elapsed"; outcome: Outcome }>[] = [
    resumed.then((outcome) => ({ is: "resumed" as const, outcome })),
  ];
  if (duration !== undefined && duration !== "") {
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
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  const of = { ...node, template: template.name ?? "" };
  if (first.outcome.is !== "succeeded") return { ...of, phase: "Failed", message: endingMessage(ground) };
  const told = (first.is === "resumed" ? first.outcome.result : {}) as Resumption | null;
  const { phase = "Succeeded", message = "" } = told ?? {};
  if (phase !== "Succeeded") return { ...of, phase, message };
  return { ...of, outputs: suppliedOutputs(template, told ?? {}), message };
}

/** Throws TemplateError. */
function suppliedOutputs({ inputs, outputs }: Template, { outputs: given = {} }: Resumption): Outputs {
  const parameters = new Map<string, string>();
  for (const { name, value, valueFrom } of outputs?.parameters ?? []) {
    const input = inputs?.parameters?.find((one) => one.name === name);
    const chosen = given[name] ?? value ?? valueFrom?.default ?? input?.default;
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
  const step: HttpStep = {
    type: "http",
    url: http.url,
    method: http.method ?? "GET",
    headers: Object.fromEntries((http.headers ?? []).map((one) => [one.name, one.value ?? ""])),
    ...(http.body === undefined ? {} : { body: http.body }),
    expect: ANSWERS,
    timeouts: { attempt: `${Number(http.timeoutSeconds ?? 30) || 30}s` },
  };
  const outcome = await ground.turns.perform(path, step, ground.signalOf(call.isExit), call.isExit);
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  const of = { ...node, template: template.name ?? "" };
  if (outcome.is === "stopped") return { ...of, phase: "Failed", message: endingMessage(ground) };
  if (outcome.is === "failed") return { ...of, phase: "Error", message: outcome.failure.message };
  const { status, headers = {}, body: content } = outcome.result as Answer;
  const text = typeof content === "string" ? content : JSON.stringify(content ?? "");
  const names = { response: { statusCode: status, body: text, headers, contentLength: text.length } };
  const isGood =
    http.successCondition === undefined || http.successCondition === ""
      ? status >= 200 && status < 300
      : holds(http.successCondition, names, ground.ambience);
  const outputs: Outputs = { ...noOutputs, result: text };
  if (isGood) return { ...of, outputs: { ...outputs, parameters: httpParameters(template, names, ground) } };
  const message =
    http.successCondition === undefined
      ? `received non-2xx response code: ${status}`
      : `successCondition '${http.successCondition}' evaluated false`;
  return { ...of, phase: "Failed", message, outputs };
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
  const key = from?.s3?.key ?? from?.gcs?.key ?? from?.oss?.key ?? from?.key ?? "";
  const startedAt = ground.now;
  const step: RunStep = { type: "run", command: ["listing"], input: { argo: "listing", key } };
  const outcome = await ground.turns.perform(path, step, ground.signalOf(call.isExit), call.isExit);
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  const of = { ...node, template: template.name ?? "" };
  if (outcome.is === "stopped") return { ...of, phase: "Failed", message: endingMessage(ground) };
  if (outcome.is === "failed") return { ...of, phase: "Error", message: outcome.failure.message };
  let data: unknown = outcome.result;
  for (const { expression } of transformation)
    data = compile(expression).evaluate({ ...nestedOf(new Scope(body.locals)), data }, ground.ambience);
  return { ...of, outputs: { ...noOutputs, result: JSON.stringify(data) } };
}

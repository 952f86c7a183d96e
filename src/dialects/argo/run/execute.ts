/**
 * Executes a template as a node:
 *
 *     found ── inputs ── locks taken ── remembered? ── attempts ── body ── outputs to all ── remembered ── locks given back
 *
 * What goes wrong before there is a body makes the node broken: what stands around it ends as well.
 */
import { parseSpan } from "../expression/dates.ts";
import { type Found, nameOf } from "../library.ts";
import { type Template, podTypes, typeOf } from "../manifest.ts";
import { messageOf } from "../substitution.ts";
import { Scope } from "../variables.ts";
import type { Body, Call, Context } from "./call.ts";
import { runDag } from "./dag.ts";
import type { Ground } from "./ground.ts";
import { TemplateError, withInputs, withVariables } from "./inputs.ts";
import { take } from "./locks.ts";
import { type Node, type Outputs, blankNode, isUnsuccessful, noOutputs } from "./node.ts";
import { runData, runHttp, runSuspend } from "./others.ts";
import { endingMessage, podName, runPod } from "./pod.ts";
import { retried } from "./retry.ts";
import { runSteps } from "./steps.ts";

const DEEPEST = 100;

export function contextOf(ground: Ground): Context {
  const context: Context = { ground, execute: (call) => execute(context, call) };
  return context;
}

async function execute(context: Context, call: Call): Promise<Node> {
  const { ground } = context;
  const startedAt = ground.now;
  try {
    const node = await found(context, call);
    if (isUnsuccessful(node)) ground.failures.push(node);
    return node;
  } catch (error) {
    if (!isOfTheDefinition(error)) throw error;
    const broken = {
      ...blankNode(call.name, call.displayName, "Error", messageOf(error), ground.now),
      startedAt,
      isBroken: true,
    };
    ground.failures.push(broken);
    return broken;
  }
}

const EXPECTED: ReadonlySet<string> = new Set(["TemplateError", "SubstitutionError", "ExpressionError"]);

function isOfTheDefinition(error: unknown): boolean {
  return error instanceof Error && EXPECTED.has(error.name);
}

async function found(context: Context, call: Call): Promise<Node> {
  const { ground } = context;
  const { reference, origin, depth, isExit, name, displayName, path } = call;
  if (ground.ending !== undefined && !isExit)
    return blankNode(name, displayName, "Failed", endingMessage(ground), ground.now);
  if (depth > DEEPEST) throw new TemplateError("Maximum recursion depth exceeded.");
  const there = ground.library.find(reference, origin);
  if (there === undefined) throw new TemplateError(`there is no template '${nameOf(reference)}'`);
  const template = await withInputs(
    ground,
    there.template,
    call.arguments,
    localsOf(ground, call, there),
    path,
    isExit,
  );
  const body: Body = {
    call,
    name,
    path,
    template,
    origin: there.origin,
    locals: localsOf(ground, call, there),
    deadline: Infinity,
    ended: new AbortController(),
  };
  const held = await take(ground, template.synchronization, { path, isExit, variables: body.locals });
  if (held === undefined) return blankNode(name, displayName, "Failed", endingMessage(ground), ground.now);
  try {
    const node = await remembered(context, body);
    publish(ground, template, node);
    return node;
  } finally {
    held.release();
  }
}

function localsOf(ground: Ground, { name, member }: Call, { template }: Found): Scope {
  const locals = new Scope(ground.globals).set("node.name", name);
  if (member !== undefined) locals.set(`${member.kind}.name`, member.name);
  if (podTypes.has(typeOf(template)) && retryOf(ground, template) === undefined)
    locals.set("pod.name", podName(ground.name, name, template.name ?? ""));
  return locals;
}

const retryOf = ({ library }: Ground, template: Template): Template["retryStrategy"] =>
  template.retryStrategy ?? library.spec.retryStrategy;

interface KeptOutputs {
  readonly parameters: Readonly<Record<string, string>>;
  readonly artifacts: Readonly<Record<string, Template["outputs"]>>;
  readonly result?: string;
  readonly exitCode?: string;
}

/** Memoised: what a node of the same key gave is taken, what this one gives is kept. */
async function remembered(context: Context, body: Body): Promise<Node> {
  const { ground } = context;
  const { template, path, call, name } = body;
  const { memoize } = template;
  if (memoize === undefined || memoize.key === "") return attempts(context, body);
  const { key } = memoize;
  const cache = `${ground.namespace}/${memoize.cache?.configMap?.name ?? ""}`;
  const known = await ground.work(
    `${path}!recall`,
    { argo: "recall", cache, key, ...ageOf(memoize.maxAge) },
    call.isExit,
  );
  if (known.is === "succeeded" && known.result !== null) {
    const node = blankNode(name, call.displayName, "Succeeded", "", ground.now);
    return { ...node, template: template.name ?? "", outputs: unpacked(known.result as KeptOutputs) };
  }
  const node = await attempts(context, body);
  const outputs = packed(node.outputs);
  if (node.phase === "Succeeded")
    await ground.work(`${path}!remember`, { argo: "remember", cache, key, outputs }, call.isExit);
  return node;
}

function ageOf(maxAge: string | undefined): { readonly maxAge?: number } {
  if (maxAge === undefined || maxAge === "") return {};
  const age = parseSpan(maxAge);
  if (age === undefined) throw new TemplateError(`invalid maxAge: ${maxAge}`);
  return { maxAge: age };
}

function packed({ parameters, artifacts, ...rest }: Outputs): unknown {
  return { ...rest, parameters: Object.fromEntries(parameters), artifacts: Object.fromEntries(artifacts) };
}

function unpacked({ parameters, artifacts, ...rest }: KeptOutputs): Outputs {
  return {
    ...rest,
    parameters: new Map(Object.entries(parameters)),
    artifacts: new Map(Object.entries(artifacts)) as unknown as Outputs["artifacts"],
  };
}

async function attempts(context: Context, body: Body): Promise<Node> {
  const { ground } = context;
  const { template, name, path, locals, call } = body;
  const strategy = retryOf(ground, template);
  if (strategy === undefined) return work(context, body);
  return retried(ground, strategy, { name, path, locals, isExit: call.isExit }, async (attempt) => {
    if (podTypes.has(typeOf(template)))
      attempt.locals.set("pod.name", podName(ground.name, attempt.name, template.name ?? ""));
    const startedAt = ground.now;
    try {
      return await work(context, {
        ...body,
        ...attempt,
        template: withVariables(ground, template, attempt.locals),
        ended: new AbortController(),
      });
    } catch (error) {
      if (!isOfTheDefinition(error)) throw error;
      return {
        ...blankNode(attempt.name, call.displayName, "Error", messageOf(error), ground.now),
        startedAt,
        isBroken: true,
      };
    }
  });
}

async function work(context: Context, body: Body): Promise<Node> {
  const { template } = body;
  const type = typeOf(template);
  switch (type) {
    case "container":
    case "script":
    case "containerSet":
      return runPod(context, body);
    case "suspend":
      return runSuspend(context, body);
    case "http":
      return runHttp(context, body);
    case "data":
      return runData(context, body);
    case "steps":
    case "dag": {
      const node = await (type === "dag" ? runDag(context, body) : runSteps(context, body));
      body.ended.abort();
      return node;
    }
    default:
      throw new TemplateError(
        type === undefined
          ? `Template '${template.name ?? ""}' missing specification`
          : `templates of type ${type} are not executed here`,
      );
  }
}

/** Outputs with a `globalName` are seen by the whole run. */
function publish(ground: Ground, template: Template, { outputs }: Node): void {
  if (outputs === noOutputs) return;
  for (const [global, name] of globalsOf(template.outputs?.parameters)) {
    const value = outputs.parameters.get(name);
    if (value === undefined) continue;
    ground.outputs.set(global, value);
    ground.globals.set(`workflow.outputs.parameters.${global}`, value);
  }
  for (const [global, name] of globalsOf(template.outputs?.artifacts)) {
    const artifact = outputs.artifacts.get(name);
    if (artifact === undefined) continue;
    const { globalName: _name, path: _path, ...plain } = artifact;
    ground.artifacts.set(global, { ...plain, name: global });
    ground.globals.set(`workflow.outputs.artifacts.${global}`, { ...plain, name: global });
  }
}

type Named = { readonly name: string; readonly globalName?: string };

function globalsOf(all: readonly Named[] = []): (readonly [global: string, name: string])[] {
  return all.flatMap(({ name, globalName = "" }) => (globalName === "" ? [] : [[globalName, name] as const]));
}

/** Forks: new Runs that begin with recorded results of others. What stands against one is found before it is made. */
import { randomBytes } from "node:crypto";
import { type Run, hasEnded, runDraft, runId } from "../../controller/runs.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import type { Operation } from "../../store/store.ts";
import type { Definition } from "../../workflow/definition/definition.ts";
import { readGiven } from "../../workflow/definition/parameters.ts";
import { definitionOf } from "../../workflow/definition/resource.ts";
import { planFork } from "../../workflow/fork/plan.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject } from "../body.ts";
import { formatOne } from "../formats.ts";
import { existing, formatOptions } from "../read.ts";
import { badRequest, conflict, notFound, refused } from "../status-error.ts";
import { causeOf, committed } from "../write.ts";
import { type Body, optionalBody } from "./body.ts";
import { serviceOf } from "./service.ts";

interface Wanted {
  /** Path of a step; what failed when absent, everything when empty. */
  readonly from: string | undefined;
  /** `same`, `newest`, or a hash. */
  readonly version: string;
  readonly parameters: Readonly<Record<string, unknown>> | undefined;
  /** Of a fork of many. */
  readonly atOnce?: number;
}

const MOST = 1000;
/** Forks of one workflow that go on at once, where nothing else is said: the others wait in line. */
const AT_ONCE = 10;
/** So that one fork of many does not hold up everybody else's writes. */
const BATCH = 100;

export async function forkRun(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = await optionalBody(context, call);
  const source = existing(context, target) as Run;
  const resource = await draftOf(context, target, source, wantedIn(body), body["name"]);
  if (Array.isArray(resource)) throw refused(resource as Parameters<typeof refused>[0]);
  const made = await committed(
    context,
    call,
    undefined,
    { type: "create", resource: resource as Draft },
    `fork ${target.name}`,
  );
  return { code: 201, body: formatOne(target.kind, made, formatOptions(context, call)) };
}

/** Of many runs of a workflow. They wait where its runs wait. */
export async function forkRuns(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = await optionalBody(context, call);
  const { failed = false, since } = body;
  if (typeof failed !== "boolean") throw badRequest("failed: it must be true or false.");
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(String(since));
  if (Number.isNaN(from)) throw badRequest("since: it must be an instant such as 2026-03-01T00:00:00Z.");
  const { name, namespace } = target;
  existing(context, target);
  const runs = (context.store.list({ kind: "Run", namespace }).items as readonly Run[]).filter(
    (run) =>
      run.spec.workflow === name &&
      hasEnded(run) &&
      (!failed || run.status?.phase === "Failed") &&
      Date.parse(run.status?.endedAt ?? "") >= from,
  );
  if (runs.length > MOST)
    throw badRequest(`These are ${runs.length} runs; at most ${MOST} are forked at once: give 'since'.`);
  const wanted = { ...wantedIn(body), atOnce: atOnceIn(body) };
  const made: Resource[] = [];
  const left: object[] = [];
  for (let begin = 0; begin < runs.length; begin += BATCH) {
    const operations: Operation[] = [];
    for (const run of runs.slice(begin, begin + BATCH)) {
      const draft = await draftOf(context, target, run, wanted, undefined);
      if (Array.isArray(draft)) left.push({ run: run.metadata.name, diagnostics: draft });
      else operations.push({ type: "create", resource: draft as Draft });
    }
    if (operations.length === 0) continue;
    const { resources } = await context.store.commit(operations, causeOf(call, `fork runs of ${name}`));
    made.push(...resources.filter((one) => one !== undefined));
  }
  return ok({ kind: "RunList", apiVersion: "tutti.dev/v1", metadata: {}, items: made, refused: left });
}

/** The Run to be, or what stands against it. */
async function draftOf(
  context: ApiContext,
  target: ResourceTarget,
  source: Run,
  { from, version, parameters = source.spec.parameters, atOnce }: Wanted,
  name: unknown,
): Promise<Draft | readonly object[]> {
  const service = serviceOf(context);
  const state = await (await service.engine()).state(runId(source));
  const original = await service.definition(state.definition);
  if (original === undefined)
    throw conflict(
      target.kind,
      target.name,
      `nobody knows the definition of run/${source.metadata.name} any more`,
    );
  const definition = await definitionFor(context, target, source, version, original);
  const plan = planFork({
    source: { id: runId(source), state, definition: original },
    ...(from === undefined ? {} : { from }),
    definition,
    input: readGiven(definition.workflow.parameters, parameters).parameters,
    at: context.clock.now(),
  });
  if ("refused" in plan) return plan.refused;
  const made =
    typeof name === "string" && name !== ""
      ? name
      : `${source.metadata.name.slice(0, 200)}-fork-${randomBytes(3).toString("hex")}`;
  const { workflow, priority } = source.spec;
  return runDraft(made, source.metadata.namespace ?? "default", {
    workflow,
    version: definition.hash,
    parameters,
    ...(priority === undefined ? {} : { priority }),
    fork: {
      run: source.metadata.name,
      ...(from === undefined ? {} : { from }),
      ...(atOnce === undefined ? {} : { atOnce }),
    },
    cause: { type: "fork", name: source.metadata.name },
  });
}

async function definitionFor(
  context: ApiContext,
  target: ResourceTarget,
  source: Run,
  version: string,
  original: Definition,
): Promise<Definition> {
  if (version === "same" || version === original.hash) return original;
  const { workflow: name } = source.spec;
  const workflow = context.store.get({ kind: "Workflow", namespace: target.namespace, name });
  const newest = workflow === undefined ? undefined : definitionOf(workflow);
  if (version === "newest" || version === newest?.hash) {
    const kind = context.kinds.find((one) => one.kind === "Workflow") ?? target.kind;
    if (newest === undefined) throw notFound(kind, name);
    return newest;
  }
  const known = await serviceOf(context).definition(version);
  if (known === undefined)
    throw badRequest("version: it must be 'same', 'newest', or the hash of a definition that was run.");
  return known;
}

function atOnceIn({ atOnce = AT_ONCE }: Body): number {
  if (typeof atOnce === "number" && Number.isInteger(atOnce) && atOnce >= 1) return atOnce;
  throw badRequest("atOnce: it must be a whole number of at least 1.");
}

function wantedIn(body: Body): Wanted {
  const { from, version = "same", parameters } = body;
  if (from !== undefined && (typeof from !== "string" || from.length > 4096))
    throw badRequest("from: it must be the path of a step.");
  if (typeof version !== "string") throw badRequest("version: it must be 'same', 'newest', or a hash.");
  if (parameters !== undefined && !isObject(parameters))
    throw badRequest("parameters: they must be an object.");
  return { from, version, parameters };
}

import type { Command } from "commander";
import type { HistoryItem, Proposed } from "../../client/client.ts";
import { timestamp } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { RESTARTED_AT, type Resource } from "../../model/resource.ts";
import { begunRevision } from "../change.ts";
import { changeSpec } from "../change-spec.ts";
import type { CommandContext } from "../context.ts";
import { applyPlan, approve, isEmpty, showPlan } from "../declaration.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { settle } from "../settle.ts";
import { type Target, fetched, targetOf } from "../target.ts";
import type { Run, Verb } from "../verb.ts";
import { type Generation, historyView } from "../views/history.ts";
import { watchService } from "../watch-service.ts";
import { durationOf } from "./up.ts";

interface RolloutOptions {
  readonly to?: string;
  readonly yes?: boolean;
  readonly wait: boolean;
  readonly timeout: string;
}

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    const add = (name: string, summary: string): Command =>
      command
        .command(name)
        .summary(summary)
        .description(`${summary}.`)
        .argument("<name>", "a service, or system/<name>");
    add("status", "Follow a rollout until it is complete")
      .option("--timeout <duration>", "how long to wait", "10m")
      .action(acting(act, status));
    add("history", "List the generations of a service, or the revisions of a system").action(
      acting(act, history),
    );
    waiting(add("undo", "Go back to the generation before, or another one"))
      .option("--to <number>", "generation of the service, or revision of the system")
      .option("-y, --yes", "of a system: do it even when something is destroyed")
      .action(acting(act, undo));
    waiting(add("restart", "Replace all instances, as a rollout")).action(acting(act, restart));
  },
};

const EXAMPLES = `
Examples:
  $ tutti rollout status api
  $ tutti rollout history api
  $ tutti rollout undo api --to 3
  $ tutti rollout undo system/shop --to 3
  $ tutti rollout restart api`;

function waiting(command: Command): Command {
  return command
    .option("--no-wait", "do not wait until it is complete")
    .option("--timeout <duration>", "how long to wait", "10m");
}

type Action = (context: CommandContext, target: Target, options: RolloutOptions) => Promise<ExitCode>;

function acting(act: (run: Run) => void, action: Action): (word: string, options: RolloutOptions) => void {
  return (word, options) => act((context) => action(context, targetOf(word, "service"), options));
}

function onlyServices(target: Target): void {
  if (target.kind.kind !== "Service")
    misuse(
      `A ${target.kind.singular} has no rollout of its own.`,
      "Services have, and systems: system/shop.",
    );
}

async function status(context: CommandContext, target: Target, options: RolloutOptions): Promise<ExitCode> {
  onlyServices(target);
  await fetched(context, target);
  const node = await watchService(
    context,
    await context.client(),
    target.name,
    await durationOf(options.timeout),
  );
  await emit(
    context,
    { service: target.name, ...node },
    () => `service/${target.name} is complete${node.count === undefined ? "" : `: ${node.count} ready`}.`,
  );
  return EXIT.ok;
}

async function history(context: CommandContext, target: Target): Promise<ExitCode> {
  const generations =
    target.kind.kind === "System" ? await revisionsOf(context, target) : await generationsOf(context, target);
  await emit(context, { history: generations.map(({ resource: _resource, ...rest }) => rest) }, () =>
    historyView(
      generations,
      context.environment.clock.now(),
      target.kind.kind === "System" ? "REVISION" : "GENERATION",
    ),
  );
  return EXIT.ok;
}

interface KnownGeneration extends Generation {
  readonly resource: Resource;
}

/** Each distinct content that people wrote, newest first: what only status changed is no generation. */
async function generationsOf(context: CommandContext, target: Target): Promise<readonly KnownGeneration[]> {
  onlyServices(target);
  const { metadata } = await fetched(context, target);
  const items = await (
    await context.client()
  ).history(target.kind, target.name, { namespace: context.namespace, limit: 1000, signal: context.signal });
  const first = new Map<number, HistoryItem>();
  // Oldest last, so that of each generation the change that made it stays.
  for (const item of items)
    if (item.resource.metadata.uid === metadata.uid) first.set(item.resource.metadata.generation, item);
  return [...first.values()]
    .toSorted((a, b) => b.resource.metadata.generation - a.resource.metadata.generation)
    .map((item) => ({
      number: item.resource.metadata.generation,
      time: item.time,
      actor: item.cause.actor,
      action: item.cause.action,
      isCurrent: item.resource.metadata.generation === metadata.generation,
      resource: item.resource,
    }));
}

async function revisionsOf(context: CommandContext, target: Target): Promise<readonly KnownGeneration[]> {
  const system = await fetched(context, target);
  const client = await context.client();
  const { kind } = targetOf("revision/x");
  const { items } = await client.list(kind, { namespace: context.namespace, signal: context.signal });
  const current = (system.status as { readonly revision?: number } | undefined)?.revision;
  return items
    .flatMap((resource) => {
      const spec = resource.spec as {
        readonly system: string;
        readonly number: number;
        readonly summary: string;
      };
      if (spec.system !== target.name) return [];
      return [
        {
          number: spec.number,
          time: resource.metadata.creationTimestamp,
          actor: "",
          action: spec.summary,
          isCurrent: spec.number === current,
          resource,
        },
      ];
    })
    .toSorted((a, b) => b.number - a.number);
}

function numberOf(options: RolloutOptions): number | undefined {
  if (options.to === undefined) return undefined;
  const number = Number(options.to);
  return Number.isInteger(number) && number > 0
    ? number
    : misuse(`'${options.to.slice(0, 40)}' is no number of a generation.`, "See: tutti rollout history");
}

async function undo(context: CommandContext, target: Target, options: RolloutOptions): Promise<ExitCode> {
  return target.kind.kind === "System"
    ? undoSystem(context, target, options)
    : undoService(context, target, options);
}

/**
 * Writes the former spec again, but for the replicas: how many there are is not what is undone. Without a number, what
 * is undone is what people saw: if somebody declares another content meanwhile, nothing is done.
 */
async function undoService(
  context: CommandContext,
  target: Target,
  options: RolloutOptions,
): Promise<ExitCode> {
  const number = numberOf(options);
  let undone: Resource | undefined;
  const { former } = await changeSpec(context, target, async (current) => {
    undone ??= current;
    if (number === undefined && !equal(templateOf(undone), templateOf(current)))
      throw new CommandFailure(
        EXIT.conflict,
        `service/${target.name} has been changed meanwhile, so nothing was undone.`,
        `Look at it again: tutti rollout history ${target.name}`,
      );
    const former = await formerOf(context, target, current, number);
    const { replicas } = current.spec as { readonly replicas?: number };
    const spec = { ...(former.resource.spec as object), replicas: replicas ?? 1 };
    return { spec, because: `undo to generation ${former.number}`, former: former.number };
  });
  context.say(`service/${target.name} goes back to generation ${former}.`);
  return finish(context, target, options, { service: target.name, undoneTo: former });
}

/** The generation with this number, or the newest with another content than the present one. */
async function formerOf(
  context: CommandContext,
  target: Target,
  current: Resource,
  number: number | undefined,
): Promise<KnownGeneration> {
  const former = (await generationsOf(context, target)).find((generation) =>
    number === undefined
      ? generation.number < current.metadata.generation &&
        !equal(templateOf(generation.resource), templateOf(current))
      : generation.number === number,
  );
  if (former !== undefined) return former;
  throw new CommandFailure(
    EXIT.failed,
    number === undefined
      ? `service/${target.name} has no earlier content to go back to.`
      : `service/${target.name} has no generation ${number} any more.`,
    `See: tutti rollout history ${target.name}`,
  );
}

function templateOf(resource: Resource): unknown {
  const { replicas: _replicas, ...template } = resource.spec as { readonly replicas?: number };
  return template;
}

async function undoSystem(
  context: CommandContext,
  target: Target,
  options: RolloutOptions,
): Promise<ExitCode> {
  await fetched(context, target);
  const asked = numberOf(options);
  const client = await context.client();
  const proposed: Proposed = {
    resources: [],
    action: "rollback",
    ...(asked === undefined ? {} : { toRevision: asked }),
  };
  const plan = await client.plan(target.name, proposed, {
    namespace: context.namespace,
    signal: context.signal,
  });
  showPlan(context, plan);
  if (isEmpty(plan)) return EXIT.ok;
  await approve(context, plan, options.yes === true);
  context.listenToInterrupts();
  const applied = await applyPlan(context, client, { plan, proposed });
  const { wait } = options;
  const revision = await begunRevision(context, client, applied, { namespace: plan.namespace, wait });
  if (revision === undefined) return EXIT.waiting;
  if (options.wait)
    await settle(context, client, {
      plan,
      revision,
      change: applied.change,
      timeout: await durationOf(options.timeout),
    });
  const { toRevision } = plan;
  await emit(
    context,
    { system: target.name, undoneTo: toRevision, revision },
    () =>
      `system/${target.name} has the content of revision ${toRevision ?? ""} again, as revision ${revision}.`,
  );
  return EXIT.ok;
}

async function restart(context: CommandContext, target: Target, options: RolloutOptions): Promise<ExitCode> {
  onlyServices(target);
  await fetched(context, target);
  const at = timestamp(context.environment.clock.now());
  const patch = { metadata: { annotations: { [RESTARTED_AT]: at } } };
  await (
    await context.client()
  ).patch(target.kind, target.name, patch, {
    namespace: context.namespace,
    because: "restart",
    signal: context.signal,
  });
  context.say(`service/${target.name} is restarted.`);
  return finish(context, target, options, { service: target.name, restartedAt: at });
}

async function finish(
  context: CommandContext,
  target: Target,
  options: RolloutOptions,
  result: object,
): Promise<ExitCode> {
  if (options.wait)
    await watchService(context, await context.client(), target.name, await durationOf(options.timeout));
  await emit(context, result, () => "");
  return EXIT.ok;
}

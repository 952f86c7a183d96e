/** Waits, with the live tree, until a plan has become true or cannot. */
import type { Client, KindName } from "../client/client.ts";
import { kindNamed } from "../kinds/registry.ts";
import { LABELS, type Resource } from "../model/resource.ts";
import type { Plan, Step } from "../planner/plan.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { type Changed, type FollowOptions, type Picture, follow, pictureKey } from "./follow.ts";
import { live } from "./live.ts";
import { type TreeNode, nodeOf } from "./views/tree.ts";

export interface SettleOptions {
  readonly plan: Plan;
  /** Number of the revision that was applied: the System must have seen it. */
  readonly revision: number;
  /** Name of the Change that carries it out: where that stops, it is not waited for. */
  readonly change?: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface Settled {
  readonly picture: Picture;
  readonly nodes: readonly TreeNode[];
}

/** Fails with exit code 1 when something cannot get ready or does not in time, 130 at Ctrl-C; both say how to go on. */
export async function settle(
  context: CommandContext,
  client: Client,
  options: SettleOptions,
): Promise<Settled> {
  const { plan } = options;
  const display = live(context);
  const expired = new AbortController();
  const timer = context.environment.clock.setTimeout(() => expired.abort(), options.timeout);
  const signal = AbortSignal.any([context.signal, expired.signal]);
  const progress = new Progress(plan);
  try {
    const look = (seen: Picture, changed: Changed): Outcome => {
      const news = progress.look(seen, changed);
      display.show({ system: plan.system, nodes: progress.nodes }, news);
      if (progress.failed > 0 || stoppedAt(options, seen) !== undefined) return "failed";
      return isSettled(options, progress, seen) ? "settled" : "open";
    };
    const kinds = kindsOf(plan, options.change === undefined ? [] : ["Change"]);
    const scope = { namespace: plan.namespace, kinds };
    const picture = await untilDecided(client, { ...scope, signal }, look);
    display.finish();
    const failed = progress.nodes.filter((node) => node.state === "failed");
    const stopped = stoppedAt(options, picture);
    if (failed.length === 0 && stopped !== undefined) throw stopped;
    if (failed.length > 0) throw notReady(options, failed, picture);
    return { picture, nodes: progress.nodes };
  } catch (error) {
    display.finish();
    if (context.signal.aborted) throw interrupted(plan);
    if (expired.signal.aborted) throw late(plan, progress.nodes, options.timeout);
    throw error;
  } finally {
    timer.cancel();
  }
}

type Outcome = "open" | "settled" | "failed";

const STOPPED: Readonly<Record<string, string>> = {
  Held: "is held",
  Failed: "has failed",
  RollingBack: "is taken back",
  RolledBack: "has been taken back",
};

/** Nothing has failed by itself, and yet the Change goes no further: a gate has not passed, or somebody holds it. */
function stoppedAt({ change, plan }: SettleOptions, picture: Picture): CommandFailure | undefined {
  const resource = change === undefined ? undefined : picture.get(pictureKey("Change", change));
  const { state = "", message = "" } = (resource?.status ?? {}) as {
    readonly state?: string;
    readonly message?: string;
  };
  const word = STOPPED[state];
  if (word === undefined || change === undefined) return undefined;
  const hint =
    state === "Held"
      ? `See: tutti changes ${change}. To go on all the same: tutti resume change/${change}; to take it back: tutti undo ${change}`
      : `See: tutti changes ${change}`;
  return new CommandFailure(
    EXIT.failed,
    `change/${change} of ${plan.system} ${word}. ${message}`.trim(),
    hint,
  );
}

/** The picture once it is settled or has failed. */
function untilDecided(
  client: Client,
  scope: FollowOptions,
  look: (picture: Picture, changed: Changed) => Outcome,
): Promise<Picture> {
  return follow(client, scope, (seen, changed) =>
    look(seen, changed) === "open" ? undefined : new Map(seen),
  );
}

function kindsOf(plan: Plan, more: readonly string[]): readonly KindName[] {
  const names = new Set(["System", ...more, ...plan.steps.map((step) => step.kind)]);
  return [...names].flatMap((name) => kindNamed(name) ?? []);
}

/** How far each step has come: one node a step, worked out again only when its resource has changed. */
class Progress {
  readonly #plan: Plan;
  readonly #steps: readonly Step[];
  /** Which steps are about a resource, by its key in the picture. */
  readonly #places = new Map<string, number[]>();
  /** Before anything is seen, all of it is waited for. */
  readonly #nodes: TreeNode[];
  readonly #counts = new Map<TreeNode["state"], number>();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#steps = plan.steps.filter((step) => step.kind !== "System");
    this.#nodes = this.#steps.map(({ address }) => ({ address, state: "waiting" }));
    this.#counts.set("waiting", this.#nodes.length);
    for (const [place, { kind, name }] of this.#steps.entries()) {
      const key = pictureKey(kind, name);
      this.#places.set(key, [...(this.#places.get(key) ?? []), place]);
    }
  }

  get nodes(): readonly TreeNode[] {
    return this.#nodes;
  }

  get failed(): number {
    return this.#counts.get("failed") ?? 0;
  }

  areAll(...states: readonly TreeNode["state"][]): boolean {
    return states.reduce((sum, state) => sum + (this.#counts.get(state) ?? 0), 0) === this.#nodes.length;
  }

  /** The nodes of what has changed. */
  look(picture: Picture, changed: Changed): readonly TreeNode[] {
    const places =
      changed === undefined
        ? [...this.#steps.keys()]
        : [...changed].flatMap((key) => this.#places.get(key) ?? []);
    return places.map((place) => {
      const step = this.#steps[place] as Step;
      const node = nodeOfStep(step, mine(this.#plan, picture.get(pictureKey(step.kind, step.name))));
      this.#count((this.#nodes[place] as TreeNode).state, -1);
      this.#count(node.state, 1);
      this.#nodes[place] = node;
      return node;
    });
  }

  #count(state: TreeNode["state"], by: number): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + by);
  }
}

/** What belongs to another system is not ours to wait for: a name that was given up may have been taken. */
function mine(plan: Plan, resource: Resource | undefined): Resource | undefined {
  return resource?.metadata.labels?.[LABELS.system] === plan.system ? resource : undefined;
}

function nodeOfStep(step: Step, resource: Resource | undefined): TreeNode {
  // A member that fell away on the way: it was there when the plan was made.
  if (step.action === "none" && resource === undefined) return { address: step.address, state: "gone" };
  if (step.action !== "delete" && step.action !== "forget")
    return resource === undefined ? { address: step.address, state: "waiting" } : nodeOf(resource);
  if (resource === undefined) return { address: step.address, state: "gone" };
  return {
    address: step.address,
    state: "leaving",
    reason: resource.metadata.deletionTimestamp === undefined ? "will be deleted" : "is being deleted",
  };
}

/** What is made in several stages looks done between two of them: what is still to be changed is ready as it was. */
function isStaged({ steps }: Plan): boolean {
  const waves = new Set(steps.flatMap(({ wave }) => wave ?? []));
  return waves.size > 1 || steps.some(({ action }) => action === "unknown");
}

function isBetweenStages({ change, plan }: SettleOptions, picture: Picture): boolean {
  if (change === undefined || !isStaged(plan)) return false;
  const { state } = (picture.get(pictureKey("Change", change))?.status ?? {}) as { readonly state?: string };
  return state !== "Succeeded" && state !== "Superseded";
}

function isSettled(options: SettleOptions, progress: Progress, picture: Picture): boolean {
  const { plan, revision } = options;
  if (isBetweenStages(options, picture)) return false;
  const system = picture.get(pictureKey("System", plan.system));
  if (plan.action === "down") return system === undefined && progress.areAll("gone");
  if (!progress.areAll("ready", "gone")) return false;
  const status = system?.status as { readonly revision?: number } | undefined;
  return system !== undefined && (status?.revision ?? 0) >= revision && nodeOf(system).state === "ready";
}

function notReady(
  { plan, change }: SettleOptions,
  failed: readonly TreeNode[],
  picture: Picture,
): CommandFailure {
  const reasons = failed.map((node) => `${node.address}: ${node.reason ?? "failed"}`).join("\n  ");
  return new CommandFailure(
    EXIT.failed,
    `${plan.system} did not become ready.\n  ${reasons}`,
    `See: tutti describe ${failed[0]?.address ?? ""}${logsHint(failed, picture)}${changeHint(plan, change, picture)}`,
  );
}

interface OnFailureSpec {
  readonly onFailure?: string;
}

/** What becomes of the Change now, where that is not just going on. */
function changeHint({ system }: Plan, name: string | undefined, picture: Picture): string {
  if (name === undefined) return "";
  const asked = (picture.get(pictureKey("Change", name))?.spec ?? {}) as OnFailureSpec;
  const declared = (picture.get(pictureKey("System", system))?.spec ?? {}) as {
    readonly changes?: OnFailureSpec;
  };
  const onFailure = asked.onFailure ?? declared.changes?.onFailure;
  if (onFailure === "rollBack")
    return `\n  change/${name} is taken back by itself; see: tutti changes ${name}`;
  return onFailure === "hold"
    ? `\n  change/${name} is held. To go on: tutti resume change/${name}; to take it back: tutti undo ${name}`
    : "";
}

/** Of the first service that was tried: it may have written why, and the same is not tried again by itself. */
function logsHint(failed: readonly TreeNode[], picture: Picture): string {
  const names = failed.flatMap(({ address }) => (address.startsWith("service/") ? [address.slice(8)] : []));
  const isTried = (name: string): boolean => {
    const status = picture.get(pictureKey("Service", name))?.status as
      | { readonly failed?: object; readonly crashes?: object }
      | undefined;
    return status?.failed !== undefined || status?.crashes !== undefined;
  };
  const name = names.find(isTried);
  return name === undefined
    ? ""
    : `, tutti logs ${name} --previous. To try the same once more: tutti rollout restart ${name}`;
}

function late(plan: Plan, nodes: readonly TreeNode[], timeout: number): CommandFailure {
  const open = nodes
    .filter((node) => node.state !== "ready" && node.state !== "gone")
    .map((node) => `${node.address}: ${node.reason ?? "waiting"}`);
  if (open.length === 0) open.push(`system/${plan.system}: waiting`);
  return new CommandFailure(
    EXIT.failed,
    `${plan.system} is not there after ${Math.round(timeout / 1000)} s.\n  ${open.join("\n  ")}`,
    `The control plane goes on; see: tutti status ${plan.system}`,
  );
}

function interrupted(plan: Plan): CommandFailure {
  return new CommandFailure(
    EXIT.interrupted,
    "Interrupted. Nothing is half done: the control plane goes on applying.",
    `See: tutti status ${plan.system}`,
  );
}

/** What people can open: of the balancers in the order in which they are declared, then the rest the System names. */
export function addressesOf(plan: Plan, picture: Picture): readonly string[] {
  const declared = plan.resources
    .filter((draft) => draft.kind === "LoadBalancer")
    .map((draft) => draft.metadata.name);
  return addressesIn(picture, declared, plan.system);
}

export function addressesIn(
  picture: Picture,
  balancers: readonly string[],
  system: string,
): readonly string[] {
  const own = balancers.flatMap((name) => {
    const status = picture.get(pictureKey("LoadBalancer", name))?.status as
      | { readonly url?: string; readonly urls?: readonly string[] }
      | undefined;
    return status?.urls ?? (status?.url === undefined ? [] : [status.url]);
  });
  const rest =
    (picture.get(pictureKey("System", system))?.status as { readonly urls?: readonly string[] } | undefined)
      ?.urls ?? [];
  return [...new Set([...own, ...rest])];
}

/** Changes that people name, and those that have to wait: for who must approve them, or for another to end. */
import type { Applied, Client } from "../client/client.ts";
import { FINAL_STATES } from "../kinds/change.ts";
import { type ChangeResource, type ChangeState, stateOf } from "../planner/change.ts";
import type { Approval } from "./approval.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT, misuse } from "./exit.ts";
import { emit } from "./output.ts";
import { fetched, kindOf, targetOf } from "./target.ts";
import { approversText } from "./views/approval.ts";

/** `shop-5`, `change/shop-5`. */
export function changeNamed(word: string): string {
  const { kind, name } = targetOf(word, "change");
  if (kind.kind !== "Change") misuse(`A ${kind.singular} is no change.`, "See: tutti changes");
  return name;
}

export function isChange(word: string): boolean {
  return /^(changes?|chg)\//.test(word);
}

/** Fails with the name that was probably meant. */
export function fetchedChange(context: CommandContext, word: string): Promise<ChangeResource> {
  return fetched<ChangeResource>(context, { kind: kindOf("change"), name: changeNamed(word) });
}

function isWaiting({ state }: Pick<Applied, "state">): boolean {
  return state === "Pending" || state === "Queued";
}

interface Waiting {
  readonly change: string;
  readonly namespace: string;
}

/** Says who has to do what before anything is applied. */
async function tellWaiting(
  context: CommandContext,
  client: Client,
  { change, namespace }: Waiting,
): Promise<void> {
  const scope = { namespace, signal: context.signal };
  const { spec, status } = await client.get<ChangeResource>(kindOf("change"), change, scope);
  if (spec.approval === undefined) {
    context.say(`change/${change} waits. ${status?.message ?? ""}`.trim());
    return;
  }
  const approval = await client.find<Approval>(kindOf("approval"), spec.approval, scope);
  const who = approval === undefined ? "" : approversText(approval);
  context.say(
    `Nothing is changed yet: change/${change} waits for approval${who === "" ? "" : ` by ${who}`}.\n` +
      `  Approve it: tutti approve ${change}      Look at it: tutti changes ${change}      Withdraw it: tutti cancel change/${change}`,
  );
}

/**
 * Waits until the Change has begun, and resolves with its revision. Fails when it never will: exit code 3 when somebody
 * decided against it, or not in time, 5 when the base has moved; 130 at Ctrl-C, which leaves it waiting.
 */
async function untilBegun(
  context: CommandContext,
  client: Client,
  { change, namespace }: Waiting,
): Promise<number> {
  const kind = kindOf("change");
  let told: string | undefined;
  try {
    for await (const event of client.watch<ChangeResource>(kind, {
      namespace,
      fieldSelector: `metadata.name=${change}`,
      signal: context.signal,
    })) {
      const [seen] = event.type === "LISTED" ? event.items : [event.object];
      if (event.type === "DELETED" || seen === undefined) return 0;
      const state = stateOf(seen);
      if (!isWaiting({ state })) return begun(seen, state);
      const { message } = seen.status ?? {};
      if (message !== undefined && message !== told) context.say((told = message));
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  throw new CommandFailure(
    EXIT.interrupted,
    `Interrupted. change/${change} goes on waiting, and is applied when its time has come.`,
    `See: tutti changes ${change}. Withdraw it: tutti cancel change/${change}`,
  );
}

/**
 * What was asked for, once it has begun: its revision. Undefined when it waits, and nobody is to wait for it: that was said,
 * and is exit code 6.
 */
export async function begunRevision(
  context: CommandContext,
  client: Client,
  applied: Applied,
  { namespace, wait }: { readonly namespace: string; readonly wait: boolean },
): Promise<number | undefined> {
  const { change } = applied;
  if (change === undefined || !isWaiting(applied)) return applied.revision;
  await tellWaiting(context, client, { change, namespace });
  if (wait) return untilBegun(context, client, { change, namespace });
  const { system } = applied.plan;
  await emit(context, { system, namespace, change, state: applied.state }, () => "");
  return undefined;
}

function begun({ metadata, spec, status }: ChangeResource, state: ChangeState): number {
  if (!NEVER.has(state)) return spec.revision ?? 0;
  const why = status?.message === undefined ? "" : ` ${status.message}`;
  if (state === "Void")
    throw new CommandFailure(
      EXIT.conflict,
      `change/${metadata.name} is void, and nothing was changed.${why}`,
      "Look at the plan again and repeat.",
    );
  throw new CommandFailure(
    EXIT.refused,
    `change/${metadata.name} was ${state.toLowerCase()}, and nothing was changed.${why}`,
  );
}

const NEVER: ReadonlySet<ChangeState> = new Set(["Rejected", "Expired", "Void"]);

export function isOver(change: ChangeResource): boolean {
  return FINAL_STATES.has(stateOf(change));
}

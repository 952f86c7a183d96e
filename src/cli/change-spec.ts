/**
 * Changes the spec of one resource by what it is now: read, work out, write; all verbs that do so do it here.
 *
 *     read -> work out -> write -> done
 *       ^                   '-> somebody changed the declaration in between
 *       '------------------------'
 *
 * The write holds for the generation that was read, which only a change of the declaration moves. Statuses, which are
 * written all the time, get in nobody's way: the control plane repeats the write over them by itself.
 */
import type { Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { type Target, fetched } from "./target.ts";

/** So many others may change the declaration meanwhile. */
const ATTEMPTS = 5;

export interface SpecChange {
  readonly spec: object;
  /** What people read as the action: `scale 3 -> 5`. */
  readonly because: string;
}

/** `next` is asked again, about what there is then, when somebody else was faster; it may refuse. */
export async function changeSpec<C extends SpecChange>(
  context: CommandContext,
  target: Target,
  next: (current: Resource) => C | Promise<C>,
): Promise<C> {
  const client = await context.client();
  const { ApiError } = await import("../client/error.ts");
  let current = await fetched(context, target);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const change = await next(current);
    const { uid, generation } = current.metadata;
    const patch = [
      { op: "test", path: "/metadata/uid", value: uid },
      { op: "test", path: "/metadata/generation", value: generation },
      { op: "replace", path: "/spec", value: change.spec },
    ];
    try {
      const scope = { namespace: context.namespace, signal: context.signal };
      await client.patch(target.kind, target.name, patch, {
        ...scope,
        type: "json",
        because: change.because,
      });
      return change;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      current = await fetched(context, target);
      // It was refused for what it is, not for what came between.
      if (current.metadata.uid === uid && current.metadata.generation === generation) throw error;
    }
  }
  throw new CommandFailure(
    EXIT.conflict,
    `${target.kind.singular}/${target.name} is being changed by others all the time, so nothing was changed.`,
    "Repeat it when they are done; tutti why says who they are.",
  );
}

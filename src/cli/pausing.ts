/**
 * Leaving one resource as it is, and going on. It is said by an annotation, which holds until it is taken back, whatever is
 * applied meanwhile; what the declaration itself pauses goes on when the annotation says so.
 */
import { LIFECYCLE_ANNOTATIONS, type Lifecycle } from "../kinds/lifecycle.ts";
import type { CommandContext } from "./context.ts";
import { emit } from "./output.ts";
import { fetched, targetOf } from "./target.ts";

export async function tellResource(
  context: CommandContext,
  word: string,
  tell: "pause" | "resume",
): Promise<void> {
  const target = targetOf(word);
  const { spec } = await fetched(context, target);
  const { paused = false } =
    (spec as { readonly lifecycle?: Partial<Lifecycle> } | undefined)?.lifecycle ?? {};
  const text = tell === "pause" ? "true" : paused ? "false" : null;
  const patch = { metadata: { annotations: { [LIFECYCLE_ANNOTATIONS.paused]: text } } };
  const { namespace, signal } = context;
  await (
    await context.client()
  ).patch(target.kind, target.name, patch, { namespace, signal, type: "merge", because: tell });
  const address = `${target.kind.root}/${target.name}`;
  context.say(
    tell === "pause"
      ? `${address} is paused: it is left as it is, whatever is declared, until 'tutti resume ${address}'.`
      : `${address} goes on.`,
  );
  await emit(context, { resource: address, paused: tell === "pause" }, () => "");
}

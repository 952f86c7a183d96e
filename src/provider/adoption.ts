/**
 * What is there already and becomes a resource's thing. A declaration asks for it in an annotation, so that it is as
 * repeatable as the rest: `tutti.dev/adopt: ID`, where the id is what the provider's `list` calls it.
 *
 *   annotation --adopt--> found by the identity where the engine can be told whose it is, else by status.adopted
 *
 *  - Once something was made or adopted, the annotation means nothing more, and may stay or go.
 *  - What was adopted is reported as the output `adopted`, by which it is found again where nothing can be written on it.
 *  - Data that was adopted is never removed; `lifecycle.onDelete` decides about what holds none.
 */
import { REQUESTS } from "../model/resource.ts";
import { type Desired, type Found, type Identity, type ProviderContext, TerminalError } from "./provider.ts";

export const ADOPT = "tutti.dev/adopt";

/** The id of what this resource has adopted, or is asked to; undefined for what is to be made. */
export function adoptedId({
  status,
  annotations,
}: Pick<Desired, "status" | "annotations">): string | undefined {
  const adopted = status?.["adopted"];
  if (typeof adopted === "string" && adopted !== "") return adopted;
  // What is made anew is not taken again.
  if (annotations?.[REQUESTS.replace] !== undefined) return undefined;
  const asked = annotations?.[REQUESTS.adopt] ?? annotations?.[ADOPT];
  return asked === "" ? undefined : asked;
}

/** `what`: "network", as the engine calls it. */
export function nothingToAdopt(what: string, id: string, hint: string): TerminalError {
  return new TerminalError({
    code: "NothingToAdopt",
    path: `metadata.annotations["${ADOPT}"]`,
    message: `There is no ${what} '${id}' to be adopted.`,
    hint,
  });
}

/** Whose a thing is, by the mark that it bears. */
export type Ownership = Pick<Found, "owner" | "ownedBy">;

/** Refuses with TerminalError what is somebody else's; what was left by a resource that is gone is nobody's. */
export function checkOwner(
  what: string,
  id: string,
  { owner, ownedBy }: Ownership,
  { identity }: Pick<Desired, "identity">,
  { lookUp }: Pick<ProviderContext, "lookUp">,
): void {
  const isOthers = owner !== undefined && owner.uid !== identity.uid && isThere(owner, lookUp);
  if (!isOthers && ownedBy === undefined) return;
  throw new TerminalError({
    code: "OwnedByAnother",
    path: `metadata.annotations["${ADOPT}"]`,
    message: `The ${what} '${id}' belongs to ${isOthers ? inWords(owner) : ownedBy} already.`,
    hint: "Let that go first (`tutti forget`), or choose another.",
  });
}

function isThere(owner: Identity, lookUp: ProviderContext["lookUp"]): boolean {
  const found = lookUp?.({ kind: owner.kind, namespace: owner.namespace, name: owner.name });
  return lookUp === undefined || found?.metadata.uid === owner.uid;
}

function inWords({ kind, namespace, name }: Identity): string {
  return `${kind} '${name}' of the namespace '${namespace}'`;
}

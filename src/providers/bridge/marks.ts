/**
 * By what networks are found again (P2): a name that follows from the identity, and a mark on the bridge that says whose it
 * is. A Linux bridge bears it as its alias, one of Open vSwitch among the external ids of its port.
 *
 * The name alone is enough: it is a digest that nobody else arrives at, so a bridge of this name without a mark is one that
 * was left by a crash between the two.
 */
import { createHash } from "node:crypto";
import type { Ownership } from "../../provider/adoption.ts";
import type { Identity } from "../../provider/provider.ts";

const OF_NETWORK = "tutti";
const OF_MEMBER = "tutti-on";

export interface Mark extends Identity {
  readonly home: string;
  readonly isAdopted: boolean;
}

/** An interface of the host: no more than 15 characters. */
export function bridgeName(home: string, { uid }: Pick<Identity, "uid">): string {
  return `tt${digest(home, uid).slice(0, 12)}`;
}

/** Of the bridge of Open vSwitch that all tagged networks of a control plane share, where none is named. */
export function switchName(home: string): string {
  return `tt-${digest(home, "switch").slice(0, 10)}`;
}

export function switchMark(home: string): string {
  return `${OF_NETWORK}-switch/${home}`;
}

export function markText(home: string, identity: Identity, isAdopted = false): string {
  const { namespace, name, uid } = identity;
  return [OF_NETWORK, home, namespace, name, uid, isAdopted ? "adopted" : "made"].join("/");
}

export function parseMark(text: string | undefined): Mark | undefined {
  const [sort, home = "", namespace = "", name = "", uid = "", how] = (text ?? "").split("/");
  if (sort !== OF_NETWORK || uid === "") return undefined;
  return { kind: "Network", home, namespace, name, uid, isAdopted: how === "adopted" };
}

/** On an interface that a declaration put on a network. */
export function memberMark(home: string, { uid }: Pick<Identity, "uid">): string {
  return [OF_MEMBER, home, uid].join("/");
}

export function isMemberMark(text: string | undefined): boolean {
  return text?.startsWith(`${OF_MEMBER}/`) === true;
}

export function ownerIn(home: string, mark: Mark | undefined): Ownership {
  if (mark === undefined) return {};
  if (mark.home !== home) return { ownedBy: "another control plane" };
  const { kind, namespace, name, uid } = mark;
  return { owner: { kind, namespace, name, uid } };
}

function digest(...words: readonly string[]): string {
  return createHash("sha256").update(words.join("\n")).digest("hex");
}

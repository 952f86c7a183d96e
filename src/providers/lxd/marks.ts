/**
 * By what things in LXD are found again (P2, I3): `user.tutti.*` in their configuration says whose they are, and a name that
 * follows from the identity has LXD itself refuse a second one.
 *
 * `user.tutti.whole` is written last: what has it not was left by a crash in the middle of making it.
 */
import { createHash } from "node:crypto";
import type { Ownership } from "../../provider/adoption.ts";
import type { Identity } from "../../provider/provider.ts";

export type Config = Readonly<Record<string, string>>;

const PREFIX = "user.tutti.";

export const WHOLE = `${PREFIX}whole`;
export const ADOPTED = `${PREFIX}adopted`;
/** For which start, and which command, the command of a machine has ended well. */
export const COMMANDED = `${PREFIX}commanded`;

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** `home`: of the control plane, unique among all that use this LXD. */
export function marksOf(home: string, { kind, namespace, name, uid }: Identity): Config {
  return Object.fromEntries(
    Object.entries({ home, kind, namespace, name, uid }).map(([key, value]) => [PREFIX + key, value]),
  );
}

export function isMark(key: string): boolean {
  return key.startsWith(PREFIX);
}

export function withoutMarks(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !isMark(key)));
}

export function isMarkedAs(home: string, kind: string, { namespace, name }: Named, config: Config): boolean {
  const read = (key: string): string | undefined => config[PREFIX + key];
  return (
    read("home") === home && read("kind") === kind && read("namespace") === namespace && read("name") === name
  );
}

/** Of exactly this incarnation. */
export function isOf(home: string, { uid }: Identity, config: Config): boolean {
  return config[`${PREFIX}home`] === home && config[`${PREFIX}uid`] === uid;
}

export function kindIn(config: Config): string | undefined {
  return config[`${PREFIX}kind`];
}

/** Whose it is; nobody's when it was not made by a control plane. */
export function ownerIn(home: string, config: Config): Ownership {
  const read = (key: string): string => config[PREFIX + key] ?? "";
  if (read("home") === "") return {};
  if (read("home") !== home) return { ownedBy: "another control plane" };
  return {
    owner: { kind: read("kind"), namespace: read("namespace"), name: read("name"), uid: read("uid") },
  };
}

/** A host name: `web-3fa92b7c`; another incarnation has another. */
export function machineName(home: string, { kind, namespace, name, uid }: Identity): string {
  return `${slug(name)}-${digestOf(home, kind, namespace, name, uid)}`;
}

/** By name, so that a later declaration of it finds again what was retained. */
export function volumeName(home: string, { namespace, name }: Named): string {
  return `${slug(name)}-${digestOf(home, "Volume", namespace, name)}`;
}

export function snapshotName(home: string, { kind, namespace, name }: Identity): string {
  return `${slug(name)}-snapshot-${digestOf(home, kind, namespace, name)}`;
}

/** A network interface of the host: no more than 15 characters. */
export function networkName(home: string, { namespace, name }: Named): string {
  return `tt${digestOf(home, "Network", namespace, name)}${digestOf(name)}`.slice(0, 14);
}

/** Letters, digits and dashes, beginning with a letter, at most 40. */
function slug(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9-]/g, "-");
  return (/^[a-z]/.test(plain) ? plain : `m-${plain}`).slice(0, 40).replace(/-+$/, "");
}

function digestOf(...words: readonly string[]): string {
  return createHash("sha256").update(words.join("\n")).digest("hex").slice(0, 8);
}

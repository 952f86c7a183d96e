/**
 * By what containers are found again (P2, I3): labels say whose they are, and a name that follows from the identity has
 * the engine itself refuse a second one.
 */
import { createHash } from "node:crypto";
import type { Identity } from "../../provider/provider.ts";

/** What a container is for its instance. */
export type Role = "main" | "init" | "sidecar" | "files";

const PREFIX = "tutti.dev/";

/** Of the control plane whose they are; `home` is unique among all that use the engine. */
export function homeLabel(home: string): string {
  return `${PREFIX}home=${home}`;
}

export function serviceLabels(service: { readonly namespace: string; readonly name: string }): string[] {
  return [`${PREFIX}namespace=${service.namespace}`, `${PREFIX}service=${service.name}`];
}

export function kindLabel(kind: string): string {
  return `${PREFIX}kind=${kind}`;
}

export function uidLabel({ uid }: Identity): string {
  return `${PREFIX}uid=${uid}`;
}

/** What a container is, by its labels; undefined when it is none of ours. */
export function roleOf(labels: Readonly<Record<string, string>>): Role | undefined {
  return labels[`${PREFIX}role`] as Role | undefined;
}

/** What people call a container beside the main one. */
export function besideLabel(name: string): Record<string, string> {
  return { [`${PREFIX}container`]: name };
}

export function besideOf(labels: Readonly<Record<string, string>>): string | undefined {
  return labels[`${PREFIX}container`];
}

export function labelsOf(
  home: string,
  identity: Identity,
  more: { readonly service: string; readonly template: string; readonly role: Role },
): Record<string, string> {
  const labels = { home, kind: identity.kind, namespace: identity.namespace, name: identity.name };
  return Object.fromEntries(
    Object.entries({ ...labels, uid: identity.uid, ...more }).map(([name, value]) => [PREFIX + name, value]),
  );
}

/** Whose a container is. */
export function identityIn(labels: Readonly<Record<string, string>>): Identity {
  const read = (name: string): string => labels[PREFIX + name] ?? "";
  return { kind: read("kind"), namespace: read("namespace"), name: read("name"), uid: read("uid") };
}

/** Readable, and different for every home, uid and part: `tutti-default-api-1-3f9a2b7c1d4e`. */
export function containerName(home: string, identity: Identity, part = ""): string {
  const { kind, namespace, name, uid } = identity;
  const digest = digestOf(home, kind, namespace, name, uid, part);
  return ["tutti", namespace, name, ...(part === "" ? [] : [part]), digest].join("-");
}

/** Twelve characters that differ for different words. */
export function digestOf(...words: readonly string[]): string {
  return createHash("sha256").update(words.join("\n")).digest("hex").slice(0, 12);
}
